# Yang dibaca orang, dalam bahasa Indonesia. Format: <b>, <i>, <code>; tidak bersarang. Celah diisi apa adanya. Setiap kunci di
# sini juga ada di en.ftl, dengan celah yang sama.

## Waktu

span-two = { $first } { $second }
span-days = { $n } hari
span-hours = { $n } jam
span-minutes = { $n } menit
span-seconds = { $n } detik
span-milliseconds = { $n } md
ago = { $span } yang lalu
ago-now = baru saja

## Tombol

button-qr = 📷 Kode QR
button-code = 🔢 Kode di ponsel
button-cancel = ✖ Batal
button-link = ➕ Tautkan nomor
button-numbers = 📱 Nomor
button-help = ❔ Bantuan
button-home = 🏠 Menu
button-status = 📊 Status
button-language = 🌐 Bahasa
button-admin = 🛠 Admin
button-erase = 🗑 Hapus semuanya
button-previous = ◀ Sebelumnya
button-next = Berikutnya ▶
button-registration = 📝 Daftar
button-profile = 👤 Profil
button-invite-people = ✉️ Undang orang
button-invites = 📋 Undangan
button-admins = 👥 Para admin
button-stats = 📈 Statistik
button-logout-number = 🚪 Keluarkan { $number }
button-logout-yes = 🚪 Ya, keluarkan
button-reconnect = 🔄 Sambungkan lagi
button-reconnect-number = 🔄 Sambungkan lagi { $number }
button-cancel-number = ✖ Batalkan { $number }
button-make-primary = ★ Jadikan utama
button-rename-number = ✏ Nama
button-delete-number = 🗑 Hapus
button-delete-yes = 🗑 Ya, hapus
button-new-qr = 🔄 Kode QR baru
button-new-code = 🔄 Kode baru
button-keep = Tidak jadi
button-again = 🔄 Coba lagi
button-other-way = Pakai cara lain
button-resend = Kirim lagi
button-forget = Biarkan saja

## Catatan sekilas

note-cancelled = Dibatalkan
note-connecting = Menyambungkan…
note-primary = ★ Utama
note-sending-again = Mengirim lagi…
note-left = Dibiarkan
note-stale = Tombol ini sudah tidak berlaku. Ketik /start untuk melihat posisi Anda.

## Perintah, seperti tampil di Telegram

command-menu = Posisi Anda, dan jalan ke mana-mana
command-link = Tautkan nomor WhatsApp
command-numbers = Nomor Anda
command-status = Apa yang tersambung dan sedang berjalan
command-reconnect = Sambungkan lagi sebuah nomor
command-write = Kirim pesan lebih dulu ke seseorang
command-primary = Pilih nomor untuk menulis ke obrolan baru
command-rename = Beri nama sebuah nomor
command-delete = Hapus nomor yang sudah dikeluarkan, beserta pesannya
command-logout = Lepaskan nomor
command-language = Bahasa Inggris atau Indonesia
command-cancel = Hentikan yang sedang dikerjakan
command-erase = Hapus semua data Anda
command-help = Cara pakai

## Awal

welcome =
    <b>Selamat datang di Sekat.</b>
    Nomor WhatsApp Anda bisa saya sambungkan ke obrolan ini: pesan orang kepada Anda muncul di sini, dan balasan Anda terkirim dari nomor yang sama. Data Anda terpisah dari milik orang lain dan dienkripsi dengan kunci sendiri.

    <b>Langkah 1 dari 3:</b> tautkan nomor pertama Anda. Mau pakai cara yang mana?
home-attention =
    <b>⚠️ Perlu Anda lihat</b>
    { $lines }
home-failed = 🔴 { $number }: { $why }
home-unknown = ❓ Ada { $n } pesan Anda yang belum jelas sampai atau tidak: /resend atau /forget, atau tombol di bawahnya.
home-linking = 🟡 { $number } menunggu ponsel Anda.
home-unfinished = ✏️ Belum selesai: { $title }
home =
    <b>Nomor Anda</b> ({ $used } dari { $allowed })
    { $numbers }
home-reply = Balas sebuah pesan WhatsApp untuk menjawabnya.
help =
    <b>Cara pakai</b>
    Dewi mengirim “Hari ini buka?” ke nomor WhatsApp Anda. Pesannya muncul di sini. Geser pesan itu untuk membalas, lalu ketik “Buka sampai jam sembilan”. Dewi menerimanya dari nomor Anda, dan di bawahnya terlihat: terkirim, sampai, dibaca.

    /menu posisi Anda, dan semua yang lain
    /link menautkan nomor: <code>/link qr</code>, atau <code>/link +62 812 3456 7890</code> untuk kode
    /numbers nomor Anda · /status keadaan saat ini
    /write menulis lebih dulu: <code>/write +6281234567890 Halo</code>
    /reconnect · /primary · /rename · /logout · /delete untuk sebuah nomor: <code>/logout 2</code>
    /register mendaftarkan diri · /profile profil Anda · /people cari orang · /language ganti bahasa
    /back kembali satu pertanyaan · /cancel berhenti
    /erase menghapus semua data Anda
refused = Halo! Bot ini tidak terbuka untuk umum: pengelolanya yang menentukan siapa yang boleh memakainya, dan Anda belum terdaftar. Tidak ada data Anda yang disimpan.
vault-broken = Data Anda sedang tidak bisa dibuka. Tidak ada yang hilang: kiriman Anda menunggu sampai pengelola memperbaikinya. Kode: <code>{ $code }</code>
dead-letter = Ada yang salah di dalam sistem saat memproses pesan terakhir Anda, dua kali. Pesan itu saya sisihkan; silakan coba yang lain. Pengelola punya rinciannya. Kode: <code>internal</code>
unknown-command = Saya tidak mengenal perintah itu. Lihat /help untuk daftar yang bisa saya lakukan.
edited = Pesan Anda sudah diproses; mengeditnya tidak mengubah yang sudah terkirim.
text-only = Untuk saat ini saya hanya bisa memproses teks. Balas sebuah pesan WhatsApp dengan teks untuk menjawabnya.
nothing-to-cancel = Tidak ada yang perlu dibatalkan.
back-nowhere = Tidak ada pertanyaan sebelumnya.
resend-none = Tidak ada pesan yang belum jelas nasibnya.
cancelled = Dibatalkan.

## Tiga langkah pertama

onboarding-receive = <b>Langkah 2 dari 3:</b> minta seseorang mengirim pesan ke nomor ini, atau kirim sendiri dari ponsel lain. Pesannya akan muncul di sini.
onboarding-answer = 👆 <b>Langkah 3 dari 3:</b> balas pesan itu (geser, atau tekan lama lalu pilih Balas). Tulisan Anda terkirim ke obrolan itu dari nomor yang sama.
onboarding-done = 🎉 Selesai. Nasib balasan Anda terlihat di bawahnya. /menu menampilkan apa saja yang lain.

## Bahasa

language-ask = Mau pakai bahasa apa?
language-set = Mulai sekarang saya berbahasa Indonesia dengan Anda.
language-unknown = Saya hanya bisa bahasa berikut: { $languages }

## Percakapan

flow-aside = Belum ada jawaban, jadi saya simpan dulu: { $title }. Tidak ada yang hilang; tekan tombolnya untuk melanjutkan.
flow-which = Anda sedang mengerjakan sesuatu: { $open }. Mau dilanjutkan, atau ditinggalkan dan mulai { $wanted }?
flow-choose = Silakan tekan salah satu tombol, atau ketik tulisannya, atau nomor urutnya.
flow-problem =
    ⚠️ { $problem }

    { $question }
flow-outdated = Ini tidak bisa dilanjutkan karena sudah berubah: { $title }. Silakan mulai lagi.
button-back = ◀ Kembali
button-resume = ▶ Lanjutkan
button-keep-flow = ▶ Lanjutkan: { $title }
button-other-flow = Mulai: { $title }

## Menautkan

link-title = penautan nomor
link-by-code = Menautkan { $phone } dengan kode.
link-method =
    <b>Tautkan nomor</b>
    • Kode QR: pindai gambarnya dengan WhatsApp di ponsel (perlu layar kedua).
    • Kode di ponsel: ketik delapan karakter di ponsel; cukup satu perangkat.
link-typed = Atau ketik <code>/link qr</code>, atau <code>/link</code> disusul nomornya.
link-already = Masih ada nomor yang sedang ditautkan. Selesaikan dulu, atau /cancel.
link-too-many = Anda sudah memakai { $used } dari { $allowed } nomor. Lepaskan satu dulu: /logout
link-qr-limit = Jatah { $allowed } dari { $allowed } kode QR untuk jam ini sudah terpakai. Coba lagi { $wait } lagi, atau tautkan dengan kode di ponsel: /link
rate-limited = Itu terlalu sering: paling banyak { $allowed } kali per menit. Coba lagi { $wait } lagi.
link-ask-number = Kirim nomor yang mau ditautkan, lengkap dengan kode negaranya. Contoh: <code>+62 812 3456 7890</code>
link-send-number = Saya butuh nomor telepon berupa teks, lengkap dengan kode negara, misalnya +62 812 3456 7890. /cancel untuk berhenti.
link-bad-number = Nomor itu tidak bisa saya pakai: { $problem }. Coba lagi, misalnya +62 812 3456 7890, atau /cancel.
phone-character = nomor telepon hanya berisi angka, spasi, dan + ( ) - .
phone-length = nomor telepon terdiri dari 7 sampai 15 angka
phone-country = nomor telepon diawali kode negara
phone-national = jumlah angkanya kurang atau lebih untuk negara itu

## Yang kurang tepat pada sebuah jawaban; melanjutkan "… : "

email-form = alamat email bentuknya seperti <code>nama@contoh.com</code>
email-space = ada spasi di dalamnya
email-local = bagian sebelum @ kurang tepat
email-domain = bagian setelah @ kurang tepat
email-length = terlalu panjang untuk alamat email
text-empty = isinya kosong
text-long = terlalu panjang; paling banyak { $most } karakter
text-character = ada karakter yang tidak bisa ditampilkan
link-scan =
    <b>Pindai ini dengan WhatsApp</b>
    Di ponsel: Setelan → Perangkat tertaut → Tautkan perangkat. Kalau gambar ini kedaluwarsa, gambar baru muncul sendiri.
link-code =
    <b>Kode Anda: </b><code>{ $code }</code>
    Di ponsel: Setelan → Perangkat tertaut → Tautkan perangkat → Tautkan dengan nomor telepon saja, lalu ketik kodenya.
time-left = ⏳ { $bar } sisa { $span }
link-waits =
    ⏳ Semua tempat sedang terpakai. Anda di urutan ke-{ $place }.

    Begitu tiba giliran Anda, prosesnya berlanjut sendiri di sini.
link-full =
    Bot sedang penuh dan belum bisa menerima nomor baru. Yang sudah tertaut tetap berjalan seperti biasa. Silakan coba lagi nanti.
    Kode: <code>{ $code }</code>
link-storage-full =
    Penyimpanan Anda sudah penuh, dan isinya belum boleh dihapus: pesan beberapa hari terakhir dan kunci nomor-nomor Anda. Nomor baru baru bisa ditautkan setelah ada ruang: /delete menghapus nomor yang tidak Anda pakai lagi beserta pesannya. Yang sudah tertaut tetap berjalan seperti biasa.
    Kode: <code>{ $code }</code>
link-cancelled = Penautan dibatalkan.
link-getting-qr = Meminta kode QR dari WhatsApp…
link-getting-code = Meminta kode dari WhatsApp untuk { $phone }…
link-paired = ✅ { $phone } sudah mengonfirmasi. Sedang masuk…
linked = ✅ <b>{ $number }</b> sudah tertaut dan tersambung. Pesan orang ke nomor ini muncul di sini; balas pesannya untuk menjawab.
number-unknown = Saya belum tahu nomor mana yang Anda maksud. Ketik urutannya di daftar, namanya, atau empat angka terakhirnya.
numbers-page =
    <b>Nomor Anda</b> (halaman { $page } dari { $of })
    { $numbers }
reconnecting =
    Menyambungkan lagi:
    { $numbers }
reconnect-none = Tidak ada yang perlu disambungkan lagi.
link-failed =
    ❌ Penautan gagal: { $why }
    Kode: <code>{ $code }</code>

## Pendaftaran

registration-title = pendaftaran
registration-phone =
    <b>Pendaftaran</b> (1 dari 5)
    Berapa nomor telepon Anda? Contoh: <code>0812 3456 7890</code>
detail-phone-expected = Saya butuh nomor telepon Anda, berupa teks atau kartu kontak.
detail-phone-bad = Nomor ini tidak bisa saya pakai: { $problem }.
registration-name =
    <b>Pendaftaran</b> (2 dari 5)
    Siapa nama Anda?
detail-name-bad = Ini tidak bisa saya pakai sebagai nama: { $problem }.
detail-text-expected = Saya butuh jawaban Anda berupa teks.
registration-email =
    <b>Pendaftaran</b> (3 dari 5)
    Apa alamat email Anda? Contoh: <code>ana@example.com</code>
detail-email-bad = Alamat ini tidak bisa saya pakai: { $problem }.
registration-city =
    <b>Pendaftaran</b> (4 dari 5)
    Anda tinggal di kota mana? Jam yang saya sebutkan mengikuti jam di sana.
detail-city-unknown = Saya tidak mengenal kota ini. Coba kota besar terdekat, atau selisih waktu seperti GMT+7.
detail-city-expected = Pilih salah satu, atau kirim nama kota lain.
registration-which-city =
    <b>Pendaftaran</b> (4 dari 5)
    Yang mana maksud Anda? Kalau tidak ada di sini, kirim nama kota lain yang dekat.
registration-language =
    <b>Pendaftaran</b> (5 dari 5)
    Mau membaca dalam bahasa apa?
registration-none = —
registration-confirm =
    <b>Sudah benar?</b>
    Telepon: { $phone }
    Nama: { $name }
    Email: { $email }
    Kota: { $city }
    Bahasa: { $language }
registration-done = ✅ Selamat datang, <b>{ $name }</b>! Anda sudah terdaftar.
registration-done-already = Anda sudah terdaftar.
button-no-email = Tanpa email
button-register = ✅ Ya, daftarkan saya
button-change-phone = ✏ Telepon
button-change-name = ✏ Nama
button-change-email = ✏ Email
button-change-city = ✏ Kota
button-change-language = ✏ Bahasa
command-register = Daftar, atau lanjutkan pendaftaran

## Nomor

no-numbers = Anda belum menautkan nomor. Mau pakai cara yang mana?
number-new = nomor baru
numbers =
    <b>Nomor Anda</b>
    { $numbers }
number-line = { $mark } <b>{ $number }</b> — { $state }
number-line-why = { $line } (<code>{ $code }</code>)
state-waiting = menunggu ponsel
state-logging-in = sedang masuk
state-connected = tersambung
state-disconnected = terputus
state-failed = bermasalah
state-logging-out = sedang dikeluarkan
state-removed = sudah dikeluarkan
number-line-primary = { $line } ★
number-item = { $n }. { $line }
number-item-facts =
    { $item }
    { $facts }
number-facts = Kabar terakhir dari WhatsApp { $ago } · { $today } pesan hari ini
number-facts-never = Belum ada kabar dari WhatsApp · { $today } pesan hari ini
number-primary = ★ Nomor utama Anda: pesan ke obrolan baru dikirim dari sini.
number-since = Ditautkan { $at }
number-removed = { $by ->
    [owner] Anda keluarkan: { $at }
    [phone] Dikeluarkan lewat ponsel atau oleh WhatsApp: { $at }
   *[bot] Tidak bisa bertahan: { $at }
}
primary-set = ★ <b>{ $number }</b> sekarang nomor utama Anda.
primary-usage = Yang mana? Sertakan urutannya di /numbers: <code>/primary 2</code>
button-write = ✉ Tulis
write-title = menulis ke seseorang
write-to = Mau menulis ke nomor mana? Sertakan kode negaranya, contoh: <code>+62 812 3456 7890</code>
write-from = Mau menulis ke { $to } dari nomor Anda yang mana?
write-text = Mau menulis apa ke { $to }? Dikirim dari <b>{ $from }</b>.
write-done = Ke { $to }, dari <b>{ $from }</b>.
write-no-primary = Nomor utama Anda sedang tidak tertaut. Pilih yang lain dengan /primary, atau ketik /write saja dan saya tanyakan dari mana.
rename-title = pemberian nama nomor
rename-which = Nomor mana yang mau diberi nama?
rename-ask = Mau diberi nama apa <b>{ $number }</b>? Paling banyak { $most } karakter; <code>-</code> untuk tanpa nama.
rename-bad = Ini tidak bisa saya pakai sebagai nama: { $problem }.
rename-taken = Sudah ada nomor lain yang Anda beri nama “{ $label }”.
renamed = { $number } sekarang bernama <b>{ $label }</b>.
rename-undone = Namanya sudah dihapus: <b>{ $number }</b>
delete-title = penghapusan nomor
delete-which = Nomor mana yang mau dihapus?
delete-none = Tidak ada yang bisa dihapus: hanya nomor yang sudah dikeluarkan. /logout
delete-linked = <b>{ $number }</b> belum dikeluarkan, jadi tidak dihapus. /logout dulu.
delete-ask = Hapus <b>{ $number }</b>? Catatannya hilang, begitu juga semua pesan yang diterima dan dikirimnya. Ini tidak bisa dibatalkan.
deleted = <b>{ $number }</b> sudah dihapus beserta pesan-pesannya.
status =
    <b>Status</b>
    Nomor: { $used } dari { $allowed }
status-plan =
    { $status }
    Paket: { $plan }
status-over =
    { $status }
    Itu melebihi jatah Anda. Semuanya tetap tertaut, tapi belum bisa menautkan nomor lagi sampai ada tempat: /logout
status-lines =
    { $status }
    { $numbers }
status-awake =
    { $status }

    <b>Yang sedang aktif, dan alasannya</b>
    { $awake }
awake-idle = • Percakapan ini: Anda baru saja menulis. Beristirahat setelah { $span } tanpa pesan.
awake-flow = • Percakapan ini: saya menunggu jawaban Anda ({ $title }) sampai { $span } setelah pesan terakhir Anda. /cancel untuk berhenti.
awake-databases = { $keys ->
    [0] • Basis data: milik Anda terbuka untuk jawaban ini, kunci nomor tidak ada yang terbuka; masing-masing ditutup setelah { $span } tidak dipakai.
   *[other] • Basis data: milik Anda terbuka untuk jawaban ini, begitu juga kunci { $keys } nomor; masing-masing ditutup setelah { $span } tidak dipakai.
}
awake-number = • <b>{ $number }</b>: { $why ->
    [linking] sedang ditautkan
    [logging-out] sedang dikeluarkan
    [failed] tidur: menunggu sampai Anda menyambungkannya lagi
    [online] aktif, karena tertaut dan tetap tersambung
    [connecting] sedang menyambung, karena tertaut dan tetap tersambung
   *[soon] sebentar lagi menyambung, karena tertaut dan tetap tersambung
}.
logout-which = Nomor mana yang mau dikeluarkan?
logout-title = mengeluarkan nomor
logout-ask = Keluarkan <b>{ $number }</b>? Perangkatnya dihapus di WhatsApp dan kuncinya di sini dimusnahkan. Pesan yang sudah diterima tetap ada.
logging-out = Mengeluarkan <b>{ $number }</b>…
logged-out = <b>{ $number }</b> sudah dikeluarkan dan kuncinya dimusnahkan.
logged-out-unconfirmed = <b>{ $number }</b> sudah dikeluarkan dan kuncinya dimusnahkan. WhatsApp tidak bisa dihubungi untuk menghapus perangkatnya: hapus sendiri di ponsel, di menu Perangkat tertaut.
logged-out-by-phone =
    <b>{ $number }</b> telah dikeluarkan: { $why } Kuncinya di sini sudah dimusnahkan.
    Kode: <code>{ $code }</code>
number-failed =
    🔴 <b>{ $number }</b>: { $why }
    Kode: <code>{ $code }</code>
number-failed-until =
    🔴 <b>{ $number }</b>: { $why }
    Sampai: { $until }
    Kode: <code>{ $code }</code>
number-away =
    🟠 <b>{ $number }</b> tidak terhubung sejak { $since }: { $why } Saya terus mencoba; pesan yang Anda kirim sementara ini menunggu.
    Kode: <code>{ $code }</code>
number-locked =
    🔒 WhatsApp tidak mengizinkan <b>{ $number }</b> menulis ke kontak baru sampai { $until }. Obrolan yang sudah ada tetap jalan.
    Kode: <code>{ $code }</code>
phone-offline =
    📵 Tidak ada kabar dari ponsel <b>{ $number }</b> sejak { $since }: { $why }
    Kode: <code>{ $code }</code>
phone-back = 📱 Ponsel <b>{ $number }</b> sudah terdengar lagi.
storage-scarce =
    ⚠️ Penyimpanan: pengguna { $user } sudah memakai { $percent } % dari jatah tiap orang (store.quota). Pada 100 % riwayat terlamanya dihapus.
    Kode: <code>{ $code }</code>
guard-scarce = { $what ->
    [handles] ⚠️ File handle: { $percent } % dari batas sistem sudah terpakai. Naikkan batasnya (LimitNOFILE).
    [memory] ⚠️ Memori: { $percent } % dari jatah bot sudah terpakai. Naikkan guard.memory, atau kurangi nomor yang tersambung (whatsapp.max_clients).
   *[disk] ⚠️ Disk: { $percent } % disk folder data sudah terpakai. Kosongkan sebagian.
}
    Pada 100 % tidak ada lagi nomor yang bisa ditautkan; yang sudah ada tetap berjalan.
    Kode: <code>{ $code }</code>
number-waits =
    ⏳ <b>{ $number }</b> menunggu tempat kosong, di urutan ke-{ $place }.

    Nomor ini tersambung sendiri saat gilirannya tiba, dan tidak ada yang hilang sementara itu.
number-turn = <b>{ $number }</b> sudah dapat tempat dan sedang tersambung.
number-back = 🟢 <b>{ $number }</b> terhubung lagi. Tadi terputus dari { $from } sampai { $until }.

## Alasan

reason-logged-out = perangkat ini dihapus lewat ponsel atau oleh WhatsApp. Tautkan nomornya lagi.
reason-replaced = perangkat ini sedang dipakai dari tempat lain. Sambungkan lagi untuk mengambilnya kembali.
reason-banned = WhatsApp memblokir nomor ini untuk sementara. Tunggu sampai blokirnya selesai.
reason-client-outdated = WhatsApp meminta versi bot yang lebih baru. Pengelola perlu memperbaruinya.
reason-unavailable = WhatsApp sedang tidak tersedia. Nanti tersambung lagi dengan sendirinya.
reason-network-away = tidak ada koneksi ke WhatsApp. Nanti tersambung lagi dengan sendirinya.
reason-phone-offline = WhatsApp mengeluarkan perangkat tertaut kalau ponselnya 14 hari tidak online. Buka WhatsApp di ponsel itu, dengan internet, sebentar saja.
reason-no-place = semua tempat sedang terpakai. Nomor ini tersambung sendiri saat gilirannya tiba.
reason-passkey-required = WhatsApp meminta passkey untuk nomor ini sebelum menautkan perangkat, dan itu tidak bisa diberikan dari sini.
reason-qr-expired = kode QR tidak dipindai tepat waktu. Coba lagi saat ponselnya sudah siap.
reason-qr-loop = WhatsApp langsung membatalkan tautan setelah ponsel mengonfirmasinya. Ini terjadi pada nomor atau ponsel yang belum dipercaya WhatsApp: pakai WhatsApp di ponsel dulu selama beberapa jam, lalu coba lagi.
reason-code-refused = kodenya ditolak atau tidak diketik tepat waktu. Coba lagi, atau pakai kode QR.
reason-cancelled = dibatalkan.
reason-interrupted = bot dimulai ulang di tengah proses. Silakan coba lagi.
reason-number-taken = nomor ini sudah tertaut di bot ini. Hapus perangkat lamanya di ponsel (Perangkat tertaut), lalu tautkan lagi. Perangkat yang baru sudah dihapus.
reason-pair-failed = ponsel dan WhatsApp tidak cocok. Coba lagi.
reason-reachout-locked = WhatsApp sedang tidak mengizinkan nomor ini menulis ke kontak baru.
reason-rate-limited = Untuk sementara WhatsApp tidak menerima apa pun lagi dari nomor ini. Coba lagi beberapa menit lagi.
reason-send-refused = WhatsApp menolak pesannya.
reason-send-unknown = tidak ada jawaban sampai batas waktu.
reason-not-connected = nomornya tidak tersambung.
reason-not-on-whatsapp = penerima tidak memakai WhatsApp.
reason-store-broken = kunci nomor ini tidak bisa dipakai. Keluarkan, lalu tautkan lagi.
reason-internal = ada yang salah di dalam sistem. Pengelola punya rinciannya.

## Menghapus

# Yang harus diketik; dibandingkan apa adanya.
erase-word = HAPUS
erase-title = penghapusan semua data
erasing = Sedang menghapus…
erasing-progress =
    Menghapus…
    { $bar } { $done } dari { $total } perangkat
erase-ask =
    <b>Hapus semuanya?</b>
    Semua nomor Anda dikeluarkan; pesan, kontak, dan pengaturan Anda dihapus; kunci untuk membukanya dimusnahkan. Ini tidak bisa dibatalkan.

    Ketik <code>{ $word }</code> untuk mengonfirmasi, atau /cancel.
erase-again = Belum ada yang dihapus. Ketik <code>{ $word }</code> untuk mengonfirmasi, atau /cancel.
erased =
    <b>Sudah dihapus.</b>
    • perangkat yang dihapus di WhatsApp: { $unlinked }
    • berkas yang dihapus: { $files }, beserta kunci untuk membukanya
    • nomor yang dilepas: { $claims }

    Tidak ada lagi data Anda di sini. Ketik /start untuk mulai dari awal.
erased-unconfirmed = { $n } perangkat belum terhapus karena WhatsApp tidak bisa dihubungi: hapus sendiri di ponsel, di menu Perangkat tertaut.
erased-invite = Untuk kembali, Anda perlu undangan baru.

## Pintu masuk

refused-invite = Halo! Bot ini khusus undangan: kirim kode Anda ke sini, atau buka tautan yang menyertainya. Tidak ada data Anda yang disimpan.
refused-code = Kode ini tidak bisa dipakai masuk. Coba periksa lagi, atau minta kode baru kepada yang memberikannya.
refused-code-limit = Sudah terlalu banyak kode yang dicoba. Silakan coba { $wait } lagi.
refused-full = Bot sedang penuh dan belum bisa menerima orang baru. Silakan kirim pesan lagi nanti; tidak ada data Anda yang disimpan. Kode: <code>{ $code }</code>
refused-blocked = Anda tidak bisa memakai bot ini: kiriman Anda di sini tidak dibaca. Data Anda yang tersimpan tetap seperti adanya. Kalau menurut Anda ini keliru, hubungi pengelola bot.

## Pemilik dan admin

admin-home =
    <b>Untuk admin</b>
    Siapa yang memakai bot ini, dan siapa yang boleh. /block dan /unblock disertai ID Telegram: <code>/block 123456</code>
help-admin =
    <b>Sebagai admin</b>
    /invite membuat kode undangan · /invites menampilkan undangan dan siapa yang masuk dengannya · /block dan /unblock disertai ID Telegram untuk memblokir seseorang dan membukanya lagi · /members menampilkan pemakai bot · /plan mengatur berapa nomor yang boleh ditautkan seseorang · /admins menampilkan siapa saja yang boleh begini · /stats menampilkan pemakaian bot · /takedown menurunkan profil yang terbit.
help-owner = Sebagai pemilik, Anda juga yang menentukan admin: /admin add atau /admin remove, disertai ID Telegram.
invite-ask =
    <b>Undang orang</b>
    Kodenya untuk berapa orang, dan berlaku berapa lama? Atau ketik sendiri, boleh dengan catatan: <code>/invite 5 30d klub catur</code>
button-invite = { $uses } orang, { $time }
invite-bad = { $why ->
    [uses] Satu kode berlaku untuk 1 sampai { $most } orang.
    [expiry] Satu kode berlaku paling lama 366 hari: 12h (jam), 7d, 30d (hari).
   *[note] Catatannya terlalu panjang; paling banyak 100 karakter.
}
invite-made =
    <b>Undangan baru</b>
    Kode: <code>{ $code }</code>
    Berlaku untuk { $uses } orang, { $until }.
    Bagikan sekarang: kodenya hanya tampil sekali ini, dan yang saya simpan cuma sidik jarinya.
invite-until = sampai { $at }
invite-forever = sampai dicabut
invites =
    <b>Undangan</b>
    { $invites }
invites-none = Belum ada undangan. Buat dengan /invite.
invite-line = <b>#{ $id }</b>: terpakai { $used } dari { $uses }, { $state ->
    [open] masih berlaku
    [used-up] sudah habis
    [expired] kedaluwarsa
   *[revoked] sudah dicabut
}
invite-line-until = { $line } sampai { $at }
invite-line-note = { $line } — { $note }
invite-member = • <code>{ $id }</code>, { $at }
invite-members-more = • dan { $n } lagi
button-revoke = 🗑 Cabut #{ $id }
invite-revoked = Undangan #{ $id } tidak berlaku lagi. Yang sudah masuk dengannya tetap bisa memakai bot.
invite-no-such = Undangan itu tidak ada.
block-usage = Siapa? Sertakan ID Telegramnya: <code>/block 123456789</code>. ID mereka yang masuk dengan undangan ada di /invites.
unblock-usage = Siapa? Sertakan ID Telegramnya: <code>/unblock 123456789</code>
blocked = <code>{ $id }</code> diblokir: nomor-nomornya diputus dan kirimannya tidak dibaca. Datanya tetap ada. Buka lagi dengan /unblock.
unblocked = <code>{ $id }</code> tidak diblokir. Semua miliknya berjalan lagi dari tempat terakhir.
admin-usage = Tulis seperti ini: <code>/admin add 123456789</code> atau <code>/admin remove 123456789</code>
admin-added = <code>{ $id }</code> sekarang admin.
admin-removed = <code>{ $id }</code> bukan admin.
stats =
    <b>Statistik</b> (sejak { $since })

    Orang: { $known } dikenal, { $awake } aktif
    Nomor: { $connected } tersambung dari { $numbers }, { $waiting } menunggu giliran

    { $day }
    { $week }

    { $used }

    Pesan per jam: biru datang dari WhatsApp, hijau dikirim ke sana.
stats-done = { $span ->
    [day] 24 jam terakhir
   *[week] 7 hari terakhir
}: { $received } pesan dari WhatsApp, { $sent } ke WhatsApp, { $updates } pembaruan
stats-used = { $what ->
    [handles] File handle: { $percent } % terpakai
    [memory] Memori: { $percent } % dari guard.memory terpakai
   *[disk] Disk: { $percent } % terpakai
}
admins =
    <b>Pemilik dan admin</b>
    { $admins }
admin-line = • <code>{ $id }</code>, { $how ->
    [owner] pemilik
    [configured] admin dari konfigurasi
   *[made] admin
}
order-refused = { $why ->
    [role] Anda tidak berwenang melakukan itu.
    [mode] Bot ini belum diatur memakai kode undangan: pengelolanya harus mengatur access.mode menjadi "invite" dulu.
    [owner] Itu pemilik bot: tidak bisa.
    [admin] Itu admin: hanya pemilik yang bisa melakukannya.
    [yourself] Itu Anda sendiri: tidak bisa.
    [configured] Admin itu tercantum di konfigurasi (access.admins): pengelola harus menghapusnya di sana.
   *[blocked] Orang itu sedang diblokir. Buka dulu blokirnya.
}
order-failed = Belum berhasil: ada masalah di pihak kami. Tidak ada yang berubah; silakan coba lagi nanti. Kode: <code>{ $code }</code>

## Profil

profile-title = profil Anda
command-profile = Profil Anda: lihat, ubah, dan tampilkan ke orang lain
profile-none = Anda belum punya profil. Daftar dulu, cukup lima pertanyaan: /register
profile-show =
    <b>Profil Anda</b>
    Nama: { $name }
    Telepon: { $phone }
    Email: { $email }
    Zona waktu: { $zone }
    Tentang Anda: { $about }

    { $published }
profile-private = 🔒 Tidak ada orang lain yang bisa melihatnya.
profile-public =
    🌐 Sudah terbit. Yang dilihat orang lain hanya ini:

    { $card }
profile-outdated =
    ⚠️ Ada yang Anda ubah setelah profil terbit. Orang lain masih melihat ini:

    { $card }
profile-name = Siapa nama Anda?
profile-phone = Berapa nomor telepon Anda? Contoh: <code>0812 3456 7890</code>
profile-email = Apa alamat email Anda? Contoh: <code>ana@example.com</code>
profile-city = Anda tinggal di kota mana? Jam yang saya sebutkan mengikuti jam di sana; orang lain tidak melihatnya.
profile-which-city = Yang mana maksud Anda? Kalau tidak ada di sini, kirim nama kota lain yang dekat.
profile-about = Mau cerita apa tentang diri atau usaha Anda? Paling banyak 500 karakter; <code>-</code> kalau mau dikosongkan. Orang lain baru melihatnya setelah Anda terbitkan.
profile-publish =
    <b>Terbitkan profil Anda?</b>
    Semua pemakai bot ini akan melihat ini, dan hanya ini:

    { $card }
profile-published =
    🌐 <b>Sudah terbit.</b> Ini yang ditemukan orang lain:

    { $card }

    Mau mengubah atau menariknya? Ketik /profile.
profile-unpublished = 🔒 Profil Anda tidak bisa ditemukan lagi. Isinya tetap tersimpan: /profile
profile-done = Profil Anda tersimpan seperti tadi. Lihat lagi dengan /profile.
detail-about-bad = Teks ini tidak bisa saya pakai: { $problem }.
button-change-about = ✏ Tentang saya
button-no-about = Kosongkan saja
button-publish = 🌐 Terbitkan…
button-publish-anew = 🌐 Terbitkan ulang…
button-publish-other = 🌐 Atur yang tampil…
button-unpublish = 🔒 Tarik kembali
button-done = ✔ Selesai
button-show-phone = { $shown ->
    [on] ☑ Telepon
   *[off] ☐ Telepon
}
button-show-email = { $shown ->
    [on] ☑ Email
   *[off] ☐ Email
}
button-publish-yes = ✅ Terbitkan
card-name = <b>{ $name }</b>
card-phone = 📞 { $phone }
card-email = ✉ { $email }
profile-withdrawn = Profil yang Anda terbitkan sudah diturunkan oleh pengelola bot ini. Tidak ada lagi yang bisa menemukannya; data Anda di sini tetap utuh.

## Orang

command-people = Cari orang yang menerbitkan profilnya
note-older-search = Daftar ini dari pencarian lama. Cari lagi dengan /people.
people-all = <b>{ $total } profil</b> sudah terbit
people-found = <b>{ $total } profil</b> dengan “{ $text }”
people-line = { $n }. <b>{ $name }</b>
people-line-about = { $n }. <b>{ $name }</b> — { $about }
people-page = { $first }–{ $last } dari { $total }. Lihat satu dengan /person dan nomornya, cari dengan /people dan katanya.
people-page-more = { $first }–{ $last } dari { $total }. Selanjutnya /more, lihat satu dengan /person dan nomornya.
people-how = Lihat satu dengan /person dan nomornya, cari dengan /people dan katanya: <code>/people toko roti Bandung</code>
people-none = Belum ada yang menerbitkan profil. Jadilah yang pertama: /profile
people-none-such = Tidak ada profil dengan “{ $text }”. Coba kurangi katanya, atau ketik /people untuk melihat semua.
people-no-more = Sudah tidak ada lagi. Cari lagi dengan /people.
person-which = Siapa? Sertakan nomornya dari daftar /people: <code>/person 3</code>
person-gone = Profil ini sudah tidak terbit.
person-take-down =
    <b>Turunkan profil ini?</b> Tidak akan ada lagi yang menemukannya. Pemiliknya diberi tahu, datanya tetap utuh, dan ia bisa menerbitkannya lagi.

    { $card }
person-taken-down = Profilnya sudah diturunkan, dan pemiliknya diberi tahu.
takedown-which = Yang mana? Sertakan nomornya dari daftar /people: <code>/takedown 3</code>, atau <code>/takedown 3 ya</code> untuk langsung menurunkannya.
button-people = 🔎 Cari orang
button-people-list = ◀ Daftar
button-take-down = 🗑 Turunkan
button-take-down-yes = 🗑 Ya, turunkan

## Pemakai bot

members = <b>{ $total } orang</b>
    { $members }
members-blocked = <b>Diblokir: { $total }</b>
    { $members }
members-page =
    { $list }
    Halaman { $page } dari { $of }. Halaman lain: <code>{ $command }</code>
blocked-none = Tidak ada yang diblokir.
member-line = { $n }. <code>{ $id }</code> — { $how }
member-standing = { $standing ->
    [owner] pemilik
    [admin] admin
    [member] anggota
   *[stranger] tidak punya akses lagi
}
member-joined = { $how }, masuk { $at } lewat undangan #{ $invite }
member-blocked = 🚫 diblokir sejak { $at }
member =
    <b>ID Telegram</b> <code>{ $id }</code>
    { $how }
member-plan = Paket: { $plan } ({ $numbers } nomor)
member-no-plan = Paket: tidak ada; jumlah nomor mengikuti konfigurasi
plan-name = { $plan ->
    [free] Gratis
    [basic] Basic
    [pro] Pro
    [enterprise] Enterprise
   *[none] Tanpa paket
}
plan-usage = Tulis seperti ini: <code>/plan 123456789 pro</code>. Paketnya free (1 nomor), basic (3), pro (10), dan enterprise (50); <code>none</code> untuk mencabutnya. Tanpa nama paket, yang tampil adalah paketnya sekarang.
plan-set = <code>{ $id }</code> sekarang memakai paket { $plan }: paling banyak { $numbers } nomor. Yang sudah tertaut tetap tertaut.
plan-cleared = <code>{ $id }</code> tidak memakai paket lagi: jumlah nomornya mengikuti konfigurasi. Yang sudah tertaut tetap tertaut.
member-unknown = Belum pernah ada yang datang dengan ID Telegram <code>{ $id }</code>.
member-usage = Siapa? Sertakan ID Telegramnya: <code>/member 123456789</code>
block-ask = Blokir <code>{ $id }</code>? Nomor-nomornya diputus dan kirimannya tidak dibaca. Datanya tetap ada.
unblock-ask = Buka lagi akses <code>{ $id }</code>? Semua miliknya berjalan lagi dari tempat terakhir.
button-members = 📇 Semua orang
button-blocked = 🚫 Yang diblokir
button-members-list = ◀ Daftar
button-block = 🚫 Blokir
button-block-yes = 🚫 Ya, blokir
button-unblock = ✅ Buka blokir
button-unblock-yes = ✅ Ya, buka lagi

## Yang dikesampingkan

parked-link = Nomornya tidak kunjung dikirim, jadi saya berhenti menunggu. Tidak ada yang ditautkan; tekan tombolnya untuk melanjutkan.
parked-erase = Anda tidak mengonfirmasi, jadi tidak ada yang dihapus, dan mengetik <code>{ $word }</code> saja tidak berpengaruh lagi. Ketik /erase untuk mengulang.

## Obrolan

chat-link-first = Tautkan nomor WhatsApp dulu; setelah itu pesan ke nomor tersebut muncul di sini dan bisa Anda balas.
chat-reply-to-answer = Untuk menjawab seseorang, balas pesannya: geser (atau tekan lama), lalu tulis. Saya tidak mengirim apa pun tanpa tahu kepada siapa.
chat-number-gone = Nomor yang menerima pesan ini sudah tidak tertaut, jadi balasan Anda tidak dikirim.
chat-too-long = Teks ini terlalu panjang untuk satu pesan WhatsApp dan tidak dikirim.
chat-somebody = seseorang
chat-from-named = 👤 <b>{ $name }</b> ({ $phone }) → 📱 { $number }
chat-from = 👤 <b>{ $name }</b> → 📱 { $number }
chat-from-named-group = 👤 <b>{ $name }</b> ({ $phone }) di grup → 📱 { $number }
chat-from-group = 👤 <b>{ $name }</b> di grup → 📱 { $number }
chat-other = <i>[{ $kind }: lihat di ponsel]</i>
possibly-repeated = <i>↻ mungkin terkirim dua kali</i>
outcome-sending = 🕓 mengirim…
outcome-sent = ✓ terkirim
outcome-delivered = ✓✓ sampai
outcome-read = ✓✓ dibaca
outcome-failed =
    ❌ gagal: { $why }
    Kode: <code>{ $code }</code>
outcome-unknown =
    ❔ tidak pasti: WhatsApp tidak menjawab sampai batas waktu, jadi pesannya mungkin terkirim, mungkin tidak. Kalau dikirim lagi, pesannya memakai id yang sama, jadi tidak akan diterima dua kali.
    Kode: <code>{ $code }</code>
outcome-forgotten = ❔ tidak pasti, dibiarkan
