//! `sekat plan`.

use serde_json::{Value, json};

use crate::{Place, ended, populated};

fn object(place: &Place, args: &[&str]) -> Value {
    let told = ended(&place.sekat(args), 0);
    serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}"))
}

#[test]
fn a_plan_is_given_shown_listed_and_taken_away() {
    let place = Place::new("whatsapp.max_numbers = 4\n");
    assert!(ended(&place.sekat(&["plan", "list"]), 1).contains("the daemon makes them when it first runs"));
    populated(&place);
    assert!(ended(&place.sekat(&["plan", "list"]), 0).contains("whatsapp.max_numbers holds for everybody"));
    assert!(ended(&place.sekat(&["plan", "show", "77"]), 0).starts_with("77: no plan, up to 4 numbers"));
    let given = ended(&place.sekat(&["plan", "set", "77", "Enterprise"]), 0);
    assert!(given.starts_with("77 has the plan enterprise: up to 50 numbers from now on"), "{given}");
    ended(&place.sekat(&["plan", "set", "78", "free"]), 0);
    assert!(ended(&place.sekat(&["plan", "show", "78"]), 0).starts_with("78: free, 1 number"));
    let shown = object(&place, &["plan", "show", "77", "--json"]);
    assert_eq!(shown, json!({ "telegram_id": 77, "plan": "enterprise", "numbers": 50 }));
    let listed = object(&place, &["plan", "list", "--json"]);
    let plans: Vec<(&Value, &Value)> =
        listed["plans"].as_array().unwrap().iter().map(|one| (&one["telegram_id"], &one["plan"])).collect();
    assert_eq!(plans.len(), 2, "{listed}");
    assert!(plans.contains(&(&json!(78), &json!("free"))), "{listed}");
    let lines = ended(&place.sekat(&["plan", "list"]), 0);
    assert!(lines.contains("77           enterprise up to 50 numbers since 20"), "{lines}");
    assert!(ended(&place.sekat(&["plan", "clear", "77"]), 0).contains("77 has no plan: up to 4 numbers"));
    assert!(ended(&place.sekat(&["plan", "clear", "77"]), 1).contains("failed to find a plan of 77"));
    for args in [["set", "777000", "pro"], ["set", "77", "gold"], ["set", "x", "pro"]] {
        ended(&place.sekat(&[&["plan"], &args[..]].concat()), 2);
    }
}
