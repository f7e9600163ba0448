//! Reading and making stanzas.
use whatsapp_rust::wacore_binary::Node;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;

/// An attribute, empty when it is not there.
pub fn attr(node: &Node, name: &str) -> String {
    node.attrs.get(name).map(|value| value.as_str().into_owned()).unwrap_or_default()
}

/// The number in an address.
pub fn user(jid: &str) -> String {
    jid.split(['@', ':', '.']).next().unwrap_or_default().to_owned()
}

pub fn children(node: &Node) -> Vec<Node> {
    node.children().unwrap_or_default().to_vec()
}

/// The children of a named child.
pub fn below(node: &Node, tag: &str) -> Vec<Node> {
    node.get_optional_child(tag).map(children).unwrap_or_default()
}

pub fn node(tag: &'static str, attrs: &[(&'static str, &str)], inside: Vec<Node>) -> Node {
    let mut builder = NodeBuilder::new(tag);
    for (name, value) in attrs {
        builder = builder.attr(name, *value);
    }
    if inside.is_empty() { builder.build() } else { builder.children(inside).build() }
}

pub fn bytes(tag: &'static str, content: impl Into<Vec<u8>>) -> Node {
    NodeBuilder::new(tag).bytes(content).build()
}

/// An answer to a request.
pub fn result(to: &Node, inside: Vec<Node>) -> Node {
    node("iq", &[("id", &attr(to, "id")), ("type", "result"), ("from", "s.whatsapp.net")], inside)
}

/// A refusal of a request.
pub fn refusal(to: &Node, code: &str) -> Node {
    let error = node("error", &[("code", code), ("text", "no")], vec![]);
    node("iq", &[("id", &attr(to, "id")), ("type", "error"), ("from", "s.whatsapp.net")], vec![error])
}
