# What people read, in English. Formatting: <b>, <i>, <code>; not nested. Gaps are filled as they are, whatever stands in
# them. Every key of this file is in id.ftl too, with the same gaps.

## Time

span-two = { $first } { $second }
span-days = { $n ->
    [one] { $n } day
   *[other] { $n } days
}
span-hours = { $n ->
    [one] { $n } hour
   *[other] { $n } hours
}
span-minutes = { $n ->
    [one] { $n } minute
   *[other] { $n } minutes
}
span-seconds = { $n ->
    [one] { $n } second
   *[other] { $n } seconds
}
span-milliseconds = { $n } ms
ago = { $span } ago
ago-now = just now

## Buttons

button-qr = 📷 QR code
button-code = 🔢 Phone code
button-cancel = ✖ Cancel
button-link = ➕ Link a number
button-numbers = 📱 Numbers
button-help = ❔ Help
button-home = 🏠 Menu
button-status = 📊 Status
button-language = 🌐 Language
button-admin = 🛠 Admin
button-erase = 🗑 Erase everything
button-previous = ◀ Previous
button-next = Next ▶
button-registration = 📝 Register
button-profile = 👤 Profile
button-invite-people = ✉️ Invite people
button-invites = 📋 Invitations
button-admins = 👥 Admins
button-stats = 📈 Statistics
button-logout-number = 🚪 Log out { $number }
button-logout-yes = 🚪 Yes, log out
button-reconnect = 🔄 Reconnect
button-reconnect-number = 🔄 Reconnect { $number }
button-cancel-number = ✖ Cancel { $number }
button-make-primary = ★ Make primary
button-rename-number = ✏ Name
button-delete-number = 🗑 Delete
button-delete-yes = 🗑 Yes, delete
button-new-qr = 🔄 New QR code
button-new-code = 🔄 New code
button-keep = Keep everything
button-again = 🔄 Try again
button-other-way = Another way
button-resend = Send again
button-forget = Leave it

## Notes that fade

note-cancelled = Cancelled
note-connecting = Connecting…
note-primary = ★ Primary
note-sending-again = Sending again…
note-left = Left as it is
note-stale = This button is not valid (any more). /start shows where you are.

## Commands, as clients show them

command-menu = Where you are, and where to go
command-link = Link a WhatsApp number
command-numbers = Your numbers
command-status = What is connected and what is under way
command-reconnect = Connect a number again
command-write = Write to somebody first
command-primary = Choose the number that writes to new chats
command-rename = Give a number a name
command-delete = Delete a number that is logged out, with its messages
command-logout = Unlink a number
command-language = English or Indonesian
command-cancel = Stop what you are doing
command-erase = Erase everything of yours
command-help = How it works

## Beginning

welcome =
    <b>Welcome to Sekat.</b>
    I connect your own WhatsApp numbers to this chat: what people write to you appears here, and your replies go back from the same number. Everything of yours is kept apart from everybody else's, encrypted with a key of its own.

    <b>Step 1 of 3:</b> link your first number. How do you want to do it?
home-attention =
    <b>⚠️ For you to look at</b>
    { $lines }
home-failed = 🔴 { $number }: { $why }
home-unknown = { $n ->
    [one] ❓ It is not known whether one of your messages arrived: /resend or /forget, or the buttons under it.
   *[other] ❓ It is not known whether { $n } of your messages arrived: /resend or /forget, or the buttons under them.
}
home-linking = 🟡 { $number } waits for your phone.
home-unfinished = ✏️ Not finished: { $title }
home =
    <b>Your numbers</b> ({ $used } of { $allowed })
    { $numbers }
home-reply = Reply to a message from WhatsApp to answer it.
help =
    <b>How it works</b>
    Dewi writes “Are you open today?” to your WhatsApp number. It appears here. You swipe her message to reply and type “Yes, until nine”. Dewi gets it from your number, and under it you see: sent, delivered, read.

    /menu where you are, and everything else
    /link link a number: <code>/link qr</code>, or <code>/link +62 812 3456 7890</code> for a code
    /numbers your numbers · /status what goes on
    /write to somebody first: <code>/write +6281234567890 Hello</code>
    /reconnect · /primary · /rename · /logout · /delete for a number: <code>/logout 2</code>
    /register tell me who you are · /profile what others find · /people find others · /language
    /back one question back · /cancel stop
    /erase delete everything of yours
refused = Hello! This bot is private: its operator decides who may use it, and you are not on the list yet. Nothing about you has been stored.
vault-broken = Your data cannot be opened at the moment. Nothing is lost: what you send waits until the operator has repaired it. Code: <code>{ $code }</code>
dead-letter = Something went wrong inside while I handled your last message, twice. I have set it aside; please try something else. The operator has the details. Code: <code>internal</code>
unknown-command = I don't know that command. /help shows what I can do.
edited = I have acted on your message already; editing it does not change what was sent.
text-only = I can handle text only, for now. Reply to a message from WhatsApp with text to answer it.
nothing-to-cancel = There is nothing to cancel.
back-nowhere = There is no question to go back to.
resend-none = There is no message whose fate is unknown.
cancelled = Cancelled.

## The first three steps

onboarding-receive = <b>Step 2 of 3:</b> let somebody write to this number, or write to it from another phone. The message appears here.
onboarding-answer = 👆 <b>Step 3 of 3:</b> reply to that message (swipe it, or hold it and choose Reply). Your text goes back to that chat, from the same number.
onboarding-done = 🎉 That was all. What becomes of your reply stands under it. /menu shows what else there is.

## Language

language-ask = Which language do you want to read?
language-set = I speak English with you from now on.
language-unknown = I speak these languages only: { $languages }

## Conversations

flow-aside = No answer came, so I have put this aside: { $title }. Nothing is lost; the button takes it up again.

flow-which = You are in the middle of something: { $open }. Go on with it, or leave it and begin { $wanted }?
flow-choose = Please press one of the buttons, or type what stands on it, or its number.
flow-problem =
    ⚠️ { $problem }

    { $question }
flow-outdated = This cannot be continued, because it has changed meanwhile: { $title }. Please begin again.
button-back = ◀ Back
button-resume = ▶ Continue
button-keep-flow = ▶ Continue: { $title }
button-other-flow = Begin: { $title }

## Linking

link-title = linking a number
link-by-code = Linking { $phone } by code.
link-method =
    <b>Link a number</b>
    • QR code: scan a picture with the phone's WhatsApp (you need a second screen).
    • Phone code: type eight characters on the phone; works with one device.
link-typed = Or type <code>/link qr</code>, or <code>/link</code> and the number.
link-already = A number is being linked already. Finish it, or /cancel it first.
link-too-many = You have { $used } of { $allowed } numbers. Log one out first: /logout
link-qr-limit = You have used { $allowed } of { $allowed } QR codes this hour. Try again in { $wait }, or link by phone code: /link
rate-limited = That was a little often: { $allowed } a minute. Try again in { $wait }.
link-ask-number = Send me the number to link, with its country code. For example: <code>+62 812 3456 7890</code>
link-send-number = I need the phone number as text, with its country code, for example +62 812 3456 7890. /cancel stops.
link-bad-number = That is not a phone number I can use: { $problem }. Try again, for example +62 812 3456 7890, or /cancel.
phone-character = only digits, spaces and + ( ) - . belong in a phone number
phone-length = a phone number has 7 to 15 digits
phone-country = a phone number starts with its country code
phone-national = it has too few or too many digits for its country

## What is wrong with an answer; goes on after “… : ”

email-form = an address looks like <code>name@example.com</code>
email-space = there is a space in it
email-local = what stands before the @ is not right
email-domain = what stands after the @ is not right
email-length = it is too long for an address
text-empty = there is nothing in it
text-long = it is too long; { $most } characters at most
text-character = there are characters in it that cannot be shown
link-scan =
    <b>Scan this with WhatsApp</b>
    On the phone: Settings → Linked devices → Link a device. A new picture follows by itself when this one is over.
link-code =
    <b>Your code: </b><code>{ $code }</code>
    On the phone: Settings → Linked devices → Link a device → Link with phone number instead, and type it.
time-left = ⏳ { $bar } { $span } left
link-waits =
    ⏳ All places are taken at the moment. You are number { $place } in line.

    It goes on here by itself when it is your turn.
link-full =
    The bot is at its limits at the moment and takes no new numbers. What is linked already goes on as usual. Please try again later.
    Code: <code>{ $code }</code>
link-storage-full =
    Your storage is used up, and what is left of it has to stay for now: messages of the last days, and the keys of your numbers. Nothing new can be linked until there is room: /delete removes a number that you no longer use, with its messages. What is linked goes on as usual.
    Code: <code>{ $code }</code>
link-cancelled = Linking was cancelled.
link-getting-qr = Getting a QR code from WhatsApp…
link-getting-code = Getting a code from WhatsApp for { $phone }…
link-paired = ✅ { $phone } has confirmed. Logging in…
linked = ✅ <b>{ $number }</b> is linked and connected. What people write to it appears here; reply to a message to answer it.
number-unknown = I do not see which of your numbers you mean. Type its place in the list, its name, or its last four digits.
numbers-page =
    <b>Your numbers</b> (page { $page } of { $of })
    { $numbers }
reconnecting =
    Connecting again:
    { $numbers }
reconnect-none = There is nothing to connect again.
link-failed =
    ❌ Linking did not work: { $why }
    Code: <code>{ $code }</code>

## Registration

registration-title = registering
registration-phone =
    <b>Registration</b> (1 of 5)
    What is your telephone number? For example: <code>0812 3456 7890</code>
detail-phone-expected = I need your telephone number, as text or as a contact card.
detail-phone-bad = I cannot use this number: { $problem }.
registration-name =
    <b>Registration</b> (2 of 5)
    What are you called?
detail-name-bad = I cannot use this as a name: { $problem }.
detail-text-expected = I need your answer as text.
registration-email =
    <b>Registration</b> (3 of 5)
    What is your address for mail? For example: <code>ana@example.com</code>
detail-email-bad = I cannot use this address: { $problem }.
registration-city =
    <b>Registration</b> (4 of 5)
    Which city do you live in? I tell you times as your clock shows them.
detail-city-unknown = I do not know this city. Try the next larger one, or the difference from Greenwich, like GMT+7.
detail-city-expected = Choose one of these, or send me another city.
registration-which-city =
    <b>Registration</b> (4 of 5)
    Which one do you mean? If it is none of these, send me another city nearby.
registration-language =
    <b>Registration</b> (5 of 5)
    Which language do you want to read?
registration-none = —
registration-confirm =
    <b>Is this right?</b>
    Telephone: { $phone }
    Name: { $name }
    Mail: { $email }
    City: { $city }
    Language: { $language }
registration-done = ✅ Welcome, <b>{ $name }</b>! You are registered.
registration-done-already = You are registered already.
button-no-email = Without an address
button-register = ✅ Yes, register me
button-change-phone = ✏ Telephone
button-change-name = ✏ Name
button-change-email = ✏ Mail
button-change-city = ✏ City
button-change-language = ✏ Language
command-register = Register, or go on with it

## Numbers

no-numbers = You have not linked a number yet. How do you want to do it?
number-new = new number
numbers =
    <b>Your numbers</b>
    { $numbers }
number-line = { $mark } <b>{ $number }</b> — { $state }
number-line-why = { $line } (<code>{ $code }</code>)
state-waiting = waiting for the phone
state-logging-in = logging in
state-connected = connected
state-disconnected = disconnected
state-failed = failed
state-logging-out = logging out
state-removed = logged out
number-line-primary = { $line } ★
number-item = { $n }. { $line }
number-item-facts =
    { $item }
    { $facts }
number-facts = WhatsApp heard from { $ago } · { $today ->
    [one] { $today } message today
   *[other] { $today } messages today
}
number-facts-never = WhatsApp not heard from yet · { $today ->
    [one] { $today } message today
   *[other] { $today } messages today
}
number-primary = ★ Your primary number: messages to new chats leave from it.
number-since = Linked { $at }
number-removed = { $by ->
    [owner] You logged it out: { $at }
    [phone] Logged out on the phone, or by WhatsApp: { $at }
   *[bot] It could not stay: { $at }
}
primary-set = ★ <b>{ $number }</b> is your primary number.
primary-usage = Which one? Add its place in /numbers: <code>/primary 2</code>
button-write = ✉ Write
write-title = writing to somebody
write-to = To which number do you want to write? With its country code, for example: <code>+62 812 3456 7890</code>
write-from = From which of your numbers do you want to write to { $to }?
write-text = What do you want to write to { $to }? It leaves from <b>{ $from }</b>.
write-done = To { $to }, from <b>{ $from }</b>.
write-no-primary = Your primary number is not linked at the moment. Choose another one with /primary, or type /write alone and I ask from which.
rename-title = naming a number
rename-which = Which number do you want to name?
rename-ask = What do you call <b>{ $number }</b>? At most { $most } characters; <code>-</code> for no name.
rename-bad = I cannot use this as a name: { $problem }.
rename-taken = You call another number “{ $label }” already.
renamed = { $number } is called <b>{ $label }</b> from now on.
rename-undone = It has no name any more: <b>{ $number }</b>
delete-title = deleting a number
delete-which = Which number do you want to delete?
delete-none = There is nothing to delete: only a number that is logged out can go. /logout
delete-linked = <b>{ $number }</b> is not logged out, so it stays. /logout first.
delete-ask = Delete <b>{ $number }</b>? Its record goes, and every message that it received or sent. This cannot be undone.
deleted = <b>{ $number }</b> is deleted, with its messages.
status =
    <b>Status</b>
    Numbers: { $used } of { $allowed }
status-plan =
    { $status }
    Plan: { $plan }
status-over =
    { $status }
    That is more than you may have. All of them stay, but nothing new can be linked until there is room: /logout
status-lines =
    { $status }
    { $numbers }
status-awake =
    { $status }

    <b>Awake, and why</b>
    { $awake }
awake-idle = • This conversation: you have just written. It rests after { $span } without a word.
awake-flow = • This conversation: I am waiting for your answer ({ $title }), and put it aside { $span } after your last word. /cancel stops.
awake-databases = { $keys ->
    [0] • Databases: yours is open for this answer, no number's keys are; each closes after { $span } without use.
    [one] • Databases: yours is open for this answer, the keys of { $keys } number are; each closes after { $span } without use.
   *[other] • Databases: yours is open for this answer, the keys of { $keys } numbers are; each closes after { $span } without use.
}
awake-number = • <b>{ $number }</b>: { $why ->
    [linking] is being linked
    [logging-out] is being logged out
    [failed] asleep: it waits until you reconnect it
    [online] online, because it is linked and stays connected
    [connecting] connecting, because it is linked and stays connected
   *[soon] about to connect, because it is linked and stays connected
}.
logout-which = Which number do you want to log out?
logout-title = logging a number out
logout-ask = Log out <b>{ $number }</b>? Its device is removed at WhatsApp and its keys are wiped here. Messages already received stay.
logging-out = Logging out <b>{ $number }</b>…
logged-out = <b>{ $number }</b> is logged out and its keys are wiped.
logged-out-unconfirmed = <b>{ $number }</b> is logged out and its keys are wiped. WhatsApp could not be reached to remove the device: remove it on the phone, under Linked devices.
logged-out-by-phone =
    <b>{ $number }</b> was logged out: { $why } Its keys here are wiped.
    Code: <code>{ $code }</code>
number-failed =
    🔴 <b>{ $number }</b>: { $why }
    Code: <code>{ $code }</code>
number-failed-until =
    🔴 <b>{ $number }</b>: { $why }
    Until: { $until }
    Code: <code>{ $code }</code>
number-away =
    🟠 <b>{ $number }</b> has had no connection since { $since }: { $why } I keep trying; what you send meanwhile waits.
    Code: <code>{ $code }</code>
number-locked =
    🔒 WhatsApp lets <b>{ $number }</b> write to nobody new until { $until }. Chats that you have already go on.
    Code: <code>{ $code }</code>
phone-offline =
    📵 Nothing has been heard of the phone of <b>{ $number }</b> since { $since }: { $why }
    Code: <code>{ $code }</code>
phone-back = 📱 The phone of <b>{ $number }</b> has been heard of again.
storage-scarce =
    ⚠️ Storage: user { $user } uses { $percent } % of what each may store (store.quota). At 100 % their oldest history is removed.
    Code: <code>{ $code }</code>
guard-scarce = { $what ->
    [handles] ⚠️ File handles: { $percent } % of what the system allows are in use. Raise the limit (LimitNOFILE).
    [memory] ⚠️ Memory: { $percent } % of what the bot may use is in use. Raise guard.memory, or let fewer numbers connect (whatsapp.max_clients).
   *[disk] ⚠️ Disk: { $percent } % of the data folder's disk is in use. Make room.
}
    At 100 % no number is linked any more; what is there goes on.
    Code: <code>{ $code }</code>
number-waits =
    ⏳ <b>{ $number }</b> waits for a free place, as number { $place } in line.

    It connects by itself when it is its turn, and nothing is lost meanwhile.
number-turn = <b>{ $number }</b> has a place now and connects.
number-back = 🟢 <b>{ $number }</b> is connected again. It was away from { $from } to { $until }.

## Reasons

reason-logged-out = the device was removed on the phone or by WhatsApp. Link the number again.
reason-replaced = this device is in use from somewhere else. Reconnect to take it back.
reason-banned = WhatsApp has banned this number for a while. Wait until the ban is over.
reason-client-outdated = WhatsApp wants a newer version of this bot. The operator has to update it.
reason-unavailable = WhatsApp is not available at the moment. It connects again by itself.
reason-network-away = there is no connection to WhatsApp. It connects again by itself.
reason-phone-offline = WhatsApp logs linked devices out when their phone has been offline for 14 days. Open WhatsApp on that phone, with internet, for a minute.
reason-no-place = all places are taken at the moment. It connects by itself when it is its turn.
reason-passkey-required = WhatsApp asks this number for a passkey before it links a device, which cannot be given from here.
reason-qr-expired = no phone scanned the QR code in time. Try again when the phone is at hand.
reason-qr-loop = WhatsApp took the link back right after the phone had confirmed it. It does so with numbers and phones that it does not trust yet: use WhatsApp on the phone for some hours, then try again.
reason-code-refused = the code was not accepted or not typed in time. Try again, or use a QR code.
reason-cancelled = it was cancelled.
reason-interrupted = the bot was restarted in the middle of it. Please try again.
reason-number-taken = this number is linked in this bot already. Remove the old device on the phone (Linked devices), then link it again. The new device was removed.
reason-pair-failed = the phone and WhatsApp did not agree. Try again.
reason-reachout-locked = WhatsApp does not let this number write to new contacts at the moment.
reason-rate-limited = WhatsApp takes nothing more from this number for a moment. Try again in a few minutes.
reason-send-refused = WhatsApp refused the message.
reason-send-unknown = no answer came in time.
reason-not-connected = the number is not connected.
reason-not-on-whatsapp = the recipient is not on WhatsApp.
reason-store-broken = the keys of this number cannot be used. Log it out and link it again.
reason-internal = something went wrong inside. The operator has the details.

## Erasing

# What has to be typed; compared as it is.
erase-word = ERASE
erase-title = erasing everything
erasing = Erasing…
erasing-progress =
    Erasing…
    { $bar } { $done } of { $total } devices
erase-ask =
    <b>Erase everything?</b>
    Your numbers are logged out, your messages, contacts and settings deleted, and the key that could open them is destroyed. This cannot be undone.

    Type <code>{ $word }</code> to confirm, or /cancel.
erase-again = Nothing was erased. Type <code>{ $word }</code> to confirm, or /cancel.
erased =
    <b>Erased.</b>
    • devices removed at WhatsApp: { $unlinked }
    • files deleted: { $files }, and the key that could open them
    • numbers freed: { $claims }

    Nothing of yours is left here. /start begins anew.
erased-unconfirmed = { $n ->
    [one] { $n } device could not be removed because WhatsApp was not reachable: remove it on the phone, under Linked devices.
   *[other] { $n } devices could not be removed because WhatsApp was not reachable: remove them on the phone, under Linked devices.
}
erased-invite = To come back you need a new invitation.

## The door

refused-invite = Hello! This bot is by invitation: send me your code, or open the link that came with it. Nothing about you has been stored.
refused-code = This code lets nobody in. Please check it, or ask whoever gave it to you for a new one.
refused-code-limit = That was one code too many. Please try again in { $wait }.
refused-full = The bot is at its limits at the moment and takes nobody new. Please write again later; nothing about you has been stored. Code: <code>{ $code }</code>
refused-blocked = You cannot use this bot: nothing that you send here is read. What is stored of yours stays as it is. If you think this is a mistake, ask whoever runs the bot.

## Owner and admins

admin-home =
    <b>For admins</b>
    Who uses this bot, and who may. /block and /unblock take a Telegram id: <code>/block 123456</code>
help-admin =
    <b>As an admin</b>
    /invite makes a code that lets people in · /invites shows the codes and whom they let in · /block and /unblock with a Telegram id keep a person out, and let them in again · /members shows who uses the bot · /plan says how many numbers a person may link · /admins shows who else may do this · /stats shows how the bot is used · /takedown takes a published profile down.
help-owner = As the owner you also name admins: /admin add or /admin remove, with a Telegram id.
invite-ask =
    <b>Invite people</b>
    For how many is the code, and how long does it hold? Or type it, with a note to yourself: <code>/invite 5 30d chess club</code>
button-invite = { $uses ->
    [one] { $uses } person, { $time }
   *[other] { $uses } people, { $time }
}
invite-bad = { $why ->
    [uses] A code is for 1 to { $most } people.
    [expiry] A code holds for up to 366 days: 12h, 7d, 30d.
   *[note] That note is too long; 100 characters fit.
}
invite-made =
    <b>A new invitation</b>
    Code: <code>{ $code }</code>
    { $uses ->
        [one] It lets in { $uses } person, { $until }.
       *[other] It lets in { $uses } people, { $until }.
    }
    Pass it on now: it is shown this once, and I keep only a fingerprint of it.
invite-until = until { $at }
invite-forever = until it is revoked
invites =
    <b>Invitations</b>
    { $invites }
invites-none = There are no invitations yet. /invite makes one.
invite-line = <b>#{ $id }</b>: { $used } of { $uses } used, { $state ->
    [open] open
    [used-up] used up
    [expired] expired
   *[revoked] revoked
}
invite-line-until = { $line } until { $at }
invite-line-note = { $line } — { $note }
invite-member = • <code>{ $id }</code>, { $at }
invite-members-more = • and { $n } more
button-revoke = 🗑 Revoke #{ $id }
invite-revoked = Invitation #{ $id } lets nobody in any more. Those it let in stay.
invite-no-such = There is no such invitation.
block-usage = Whom? Add the Telegram id: <code>/block 123456789</code>. /invites shows the ids of those whom a code let in.
unblock-usage = Whom? Add the Telegram id: <code>/unblock 123456789</code>
blocked = <code>{ $id }</code> is blocked: their numbers go offline, and nothing they send is read. Their data stays. /unblock lets them in again.
unblocked = <code>{ $id }</code> is not blocked. What is theirs goes on where it stopped.
admin-usage = Say it like this: <code>/admin add 123456789</code> or <code>/admin remove 123456789</code>
admin-added = <code>{ $id }</code> is an admin.
admin-removed = <code>{ $id }</code> is not an admin.
stats =
    <b>Statistics</b> (since { $since })

    People: { $known } known, { $awake } awake
    Numbers: { $connected } connected of { $numbers }, { $waiting } waiting for a place

    { $day }
    { $week }

    { $used }

    Messages an hour: blue came from WhatsApp, green went to it.
stats-done = { $span ->
    [day] Last 24 hours
   *[week] Last 7 days
}: { $received } messages from WhatsApp, { $sent } to it, { $updates } updates
stats-used = { $what ->
    [handles] File handles: { $percent } % in use
    [memory] Memory: { $percent } % of guard.memory in use
   *[disk] Disk: { $percent } % in use
}
admins =
    <b>Owner and admins</b>
    { $admins }
admin-line = • <code>{ $id }</code>, { $how ->
    [owner] owner
    [configured] admin by configuration
   *[made] admin
}
order-refused = { $why ->
    [role] That is not for you to do.
    [mode] Codes let nobody in as this bot is set up: its operator has to set access.mode to "invite" first.
    [owner] That is the owner: not possible.
    [admin] That is an admin: only the owner can do this.
    [yourself] That is you: not possible.
    [configured] That admin is named in the configuration (access.admins): the operator has to take them out there.
   *[blocked] They are blocked. Unblock them first.
}
order-failed = That did not work: something is wrong on our side. Nothing has changed; please try again later. Code: <code>{ $code }</code>

## Profile

profile-title = your profile
command-profile = Your profile: see it, change it, let others find it
profile-none = You have no profile yet: register first, it takes five questions. /register begins.
profile-show =
    <b>Your profile</b>
    Name: { $name }
    Telephone: { $phone }
    Mail: { $email }
    Time zone: { $zone }
    About you: { $about }

    { $published }
profile-private = 🔒 Nobody else sees any of this.
profile-public =
    🌐 Published. Others see this and nothing else:

    { $card }
profile-outdated =
    ⚠️ You have changed something since you published. Others still see this:

    { $card }
profile-name = What are you called?
profile-phone = What is your telephone number? For example: <code>0812 3456 7890</code>
profile-email = What is your address for mail? For example: <code>ana@example.com</code>
profile-city = Which city do you live in? I tell you times as your clock shows them; others do not see it.
profile-which-city = Which one do you mean? If it is none of these, send me another city nearby.
profile-about = What do you want to say of yourself, or of your business? At most 500 characters; <code>-</code> for nothing. Others see it only when you publish.
profile-publish =
    <b>Publish your profile?</b>
    Everybody who uses this bot will see this and nothing else:

    { $card }
profile-published =
    🌐 <b>Published.</b> Others find this:

    { $card }

    /profile changes it or takes it back.
profile-unpublished = 🔒 Nobody finds your profile any more. What you told me is still here: /profile
profile-done = Everything in your profile is as you left it. /profile shows it again.
detail-about-bad = I cannot use this text: { $problem }.
button-change-about = ✏ About me
button-no-about = Say nothing
button-publish = 🌐 Publish…
button-publish-anew = 🌐 Publish anew…
button-publish-other = 🌐 Choose what is shown…
button-unpublish = 🔒 Unpublish
button-done = ✔ Done
button-show-phone = { $shown ->
    [on] ☑ Telephone
   *[off] ☐ Telephone
}
button-show-email = { $shown ->
    [on] ☑ Mail
   *[off] ☐ Mail
}
button-publish-yes = ✅ Publish this
card-name = <b>{ $name }</b>
card-phone = 📞 { $phone }
card-email = ✉ { $email }
profile-withdrawn = Your published profile was taken down by an administrator of this bot. Nobody finds it any more; everything you told me is still here.

## People

command-people = Find people who have published a profile
note-older-search = This list is of an older search. /people looks again.
people-all = { $total ->
    [one] <b>{ $total } published profile</b>
   *[other] <b>{ $total } published profiles</b>
}
people-found = { $total ->
    [one] <b>{ $total } profile</b> with “{ $text }”
   *[other] <b>{ $total } profiles</b> with “{ $text }”
}
people-line = { $n }. <b>{ $name }</b>
people-line-about = { $n }. <b>{ $name }</b> — { $about }
people-page = { $first }–{ $last } of { $total }. /person with a number shows one, /people with words looks for them.
people-page-more = { $first }–{ $last } of { $total }. /more shows the next, /person with a number shows one.
people-how = /person with a number shows one, /people with words looks for them: <code>/people bakery Bandung</code>
people-none = Nobody has published a profile yet. Be the first: /profile
people-none-such = Nobody has “{ $text }” on their profile. Try fewer words, or /people for everybody.
people-no-more = There are no more. /people looks again.
person-which = Whom? Add the number from the list that /people shows: <code>/person 3</code>
person-gone = This profile is not published any more.
person-take-down =
    <b>Take this profile down?</b> Nobody finds it any more. Its owner is told, keeps everything, and can publish anew.

    { $card }
person-taken-down = The profile is taken down, and its owner is told.
takedown-which = Which one? Add the number from the list that /people shows: <code>/takedown 3</code>, or <code>/takedown 3 yes</code> to do it at once.
button-people = 🔎 People
button-people-list = ◀ List
button-take-down = 🗑 Take down
button-take-down-yes = 🗑 Yes, take down

## Who uses the bot

members = <b>{ $total ->
    [one] { $total } person
   *[other] { $total } people
}</b>
    { $members }
members-blocked = <b>Blocked: { $total }</b>
    { $members }
members-page =
    { $list }
    Page { $page } of { $of }. Another one: <code>{ $command }</code>
blocked-none = Nobody is blocked.
member-line = { $n }. <code>{ $id }</code> — { $how }
member-standing = { $standing ->
    [owner] owner
    [admin] admin
    [member] member
   *[stranger] not let in any more
}
member-joined = { $how }, came { $at } by invitation #{ $invite }
member-blocked = 🚫 blocked since { $at }
member =
    <b>Telegram id</b> <code>{ $id }</code>
    { $how }
member-plan = Plan: { $plan } ({ $numbers ->
    [one] { $numbers } number
   *[other] { $numbers } numbers
})
member-no-plan = Plan: none; the configuration says how many numbers
plan-name = { $plan ->
    [free] Free
    [basic] Basic
    [pro] Pro
    [enterprise] Enterprise
   *[none] No plan
}
plan-usage = Say it like this: <code>/plan 123456789 pro</code>. The plans are free (1 number), basic (3), pro (10) and enterprise (50); <code>none</code> takes it away. Without one you see what they have.
plan-set = <code>{ $id }</code> has the plan { $plan }: { $numbers ->
    [one] { $numbers } number
   *[other] up to { $numbers } numbers
}. What is linked already stays.
plan-cleared = <code>{ $id }</code> has no plan: the configuration says how many numbers. What is linked already stays.
member-unknown = Nobody with the Telegram id <code>{ $id }</code> has ever been here.
member-usage = Whom? Add the Telegram id: <code>/member 123456789</code>
block-ask = Block <code>{ $id }</code>? Their numbers go offline, and nothing they send is read. Their data stays.
unblock-ask = Let <code>{ $id }</code> in again? What is theirs goes on where it stopped.
button-members = 📇 Everybody
button-blocked = 🚫 Blocked only
button-members-list = ◀ List
button-block = 🚫 Block
button-block-yes = 🚫 Yes, block
button-unblock = ✅ Unblock
button-unblock-yes = ✅ Yes, let in again

## What was put aside

parked-link = No number came, so I have stopped waiting for it. Nothing was linked; the button begins again where we were.
parked-erase = You did not confirm, so nothing was erased and <code>{ $word }</code> alone does nothing any more. /erase asks again.

## Chats

chat-link-first = Link a WhatsApp number first; then messages to it appear here and you can reply to them.
chat-reply-to-answer = To answer somebody, reply to their message: swipe it (or hold it) and write. I send nothing without knowing to whom.
chat-number-gone = The number that received this message is not linked any more, so your reply was not sent.
chat-too-long = This text is too long for one WhatsApp message and was not sent.
chat-somebody = somebody
chat-from-named = 👤 <b>{ $name }</b> ({ $phone }) → 📱 { $number }
chat-from = 👤 <b>{ $name }</b> → 📱 { $number }
chat-from-named-group = 👤 <b>{ $name }</b> ({ $phone }) in a group → 📱 { $number }
chat-from-group = 👤 <b>{ $name }</b> in a group → 📱 { $number }
chat-other = <i>[{ $kind }: see it on the phone]</i>
possibly-repeated = <i>↻ possibly a repeat</i>
outcome-sending = 🕓 sending…
outcome-sent = ✓ sent
outcome-delivered = ✓✓ delivered
outcome-read = ✓✓ read
outcome-failed =
    ❌ failed: { $why }
    Code: <code>{ $code }</code>
outcome-unknown =
    ❔ unknown: no answer came from WhatsApp in time, so it may or may not have been sent. If you send it again, it carries the same id, so nobody gets it twice.
    Code: <code>{ $code }</code>
outcome-forgotten = ❔ unknown, left as it is
