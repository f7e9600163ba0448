//! What the foreign WhatsApp answers to requests.
use super::stanza::{attr, below, children, node, refusal, result, user};
use super::whatsapp::{Unknown, WhatsApp, lid_of};
use whatsapp_rust::wacore_binary::Node;

impl WhatsApp {
    pub(super) fn answer(&self, asked: &Node, me: Option<&str>) -> Option<Node> {
        let inside = children(asked);
        let what = inside.first().map(|child| child.tag.to_string()).unwrap_or_default();
        let (space, kind) = (attr(asked, "xmlns"), attr(asked, "type"));
        self.state().asked.push(format!("{space}/{kind}/{what}"));
        match (&*space, &*kind, &*what) {
            ("encrypt", "get", "digest") => match self.habits.digest {
                Some(code) => Some(refusal(asked, code)),
                None => Some(result(asked, vec![])),
            },
            ("encrypt", "set", _) => {
                let mut state = self.state();
                let line = state.lines.entry(me?.to_owned()).or_default();
                line.keys = below(asked, "list");
                line.bundle = inside.into_iter().filter(|child| child.tag != "list").collect();
                Some(result(asked, vec![]))
            }
            ("encrypt", "get", "key") => Some(result(asked, vec![node("list", &[], self.bundles(asked))])),
            ("usync", ..) => Some(result(asked, vec![self.devices(asked)?])),
            ("w:sync:app:state", ..) => {
                let named = |c: &Node| {
                    node("collection", &[("name", &attr(c, "name")), ("version", "0"), ("type", "result")], vec![])
                };
                let collections = below(asked, "sync").iter().map(named).collect();
                Some(result(asked, vec![node("sync", &[], collections)]))
            }
            ("md", "set", "remove-companion-device") => {
                self.state().lines.entry(me?.to_owned()).or_default().removed = true;
                Some(result(asked, vec![]))
            }
            ("privacy", "get", _) => Some(result(asked, vec![node("privacy", &[], vec![])])),
            ("blocklist", "get", _) => Some(result(asked, vec![node("list", &[], vec![])])),
            ("abt", ..) => {
                let attrs = [("protocol", "1"), ("hash", "x"), ("refresh", "86400")];
                Some(result(asked, vec![node("props", &attrs, vec![])]))
            }
            // What a login cannot do without.
            ("w:p" | "passive", ..) => Some(result(asked, vec![])),
            _ => match self.habits.unknown {
                Unknown::Empty => Some(result(asked, vec![])),
                Unknown::Refused => Some(refusal(asked, "501")),
                Unknown::Ignored => None,
            },
        }
    }

    /// The keys to write to people with, one of the many being used up.
    fn bundles(&self, asked: &Node) -> Vec<Node> {
        let mut state = self.state();
        let mut found = Vec::new();
        for wanted in below(asked, "key") {
            let jid = attr(&wanted, "jid");
            if let Some(line) = state.lines.get_mut(&self.number_of(&user(&jid))) {
                let keys = line.bundle.iter().cloned().chain(line.keys.pop()).collect();
                found.push(node("user", &[("jid", &jid)], keys));
            }
        }
        found
    }

    fn devices(&self, asked: &Node) -> Option<Node> {
        let asked = asked.get_optional_child("usync")?;
        let people = below(asked, "list").into_iter().map(|person| {
            let device = node("device", &[("id", "0")], vec![]);
            let devices = node("devices", &[], vec![node("device-list", &[], vec![device])]);
            let jid = attr(&person, "jid");
            let lid = node("lid", &[("val", &format!("{}@lid", lid_of(&user(&jid))))], vec![]);
            let more = self.habits.lids.then_some(lid);
            node("user", &[("jid", &jid)], [devices].into_iter().chain(more).collect())
        });
        let list = node("list", &[], people.collect());
        let (sid, mode) = (attr(asked, "sid"), attr(asked, "mode"));
        Some(node("usync", &[("sid", &sid), ("mode", &mode), ("last", "true"), ("index", "0")], vec![list]))
    }
}
