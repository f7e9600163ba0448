//! Cities as people type them.
use super::*;
use proptest::prelude::*;

fn names(text: &str) -> Vec<String> {
    find(text).into_iter().map(|place| format!("{} {}", place.name, place.zone)).collect()
}

#[track_caller]
fn first(text: &str, place: &str) {
    assert_eq!(names(text).first().map(String::as_str), Some(place), "{text}");
}

#[test]
fn a_city_is_found_however_it_is_typed() {
    for (text, place) in [
        ("bandung", "Bandung Asia/Jakarta"),
        ("BANDUNG ", "Bandung Asia/Jakarta"),
        ("bandng", "Bandung Asia/Jakarta"),
        ("jakrta", "Jakarta Asia/Jakarta"),
        ("jogja", "Yogyakarta Asia/Jakarta"),
        ("Yogyakrata", "Yogyakarta Asia/Jakarta"),
        ("kota bandung", "Bandung Asia/Jakarta"),
        ("jakarta selatan", "Jakarta Asia/Jakarta"),
        ("solo", "Surakarta Asia/Jakarta"),
        ("pontianak", "Pontianak Asia/Pontianak"),
        ("palangkaraya", "Palangka Raya Asia/Pontianak"),
        ("denpasar", "Denpasar Asia/Makassar"),
        ("bali", "Denpasar Asia/Makassar"),
        ("ujung pandang", "Makassar Asia/Makassar"),
        ("balikpapn", "Balikpapan Asia/Makassar"),
        ("ambon", "Ambon Asia/Jayapura"),
        ("merauke", "Merauke Asia/Jayapura"),
        ("WIB", "Jakarta Asia/Jakarta"),
        ("wita", "Makassar Asia/Makassar"),
        ("wit", "Jayapura Asia/Jayapura"),
        ("singapura", "Singapore Asia/Singapore"),
        ("kuala", "Kuala Lumpur Asia/Kuala_Lumpur"),
        ("sao paulo", "São Paulo America/Sao_Paulo"),
        ("SÃO PAULO", "São Paulo America/Sao_Paulo"),
        ("xian", "Xi’an Asia/Shanghai"),
        ("new york", "New York America/New_York"),
        ("newyork", "New York America/New_York"),
        ("amsterdm", "Amsterdam Europe/Amsterdam"),
        ("mekkah", "Makkah Asia/Riyadh"),
        ("москва", "Moscow Europe/Moscow"),
        ("reykjavik", "Reykjavik Atlantic/Reykjavik"),
        ("knox", "Knox America/Indiana/Knox"),
        ("Asia/Jakarta", "Asia/Jakarta Asia/Jakarta"),
        ("america/argentina/buenos aires", "America/Argentina/Buenos Aires America/Argentina/Buenos_Aires"),
        ("UTC", "UTC UTC"),
    ] {
        first(text, place);
    }
}

#[test]
fn a_name_that_several_have_gives_them_all() {
    for (text, places) in [
        ("hyderabad", &["Hyderabad, India Asia/Kolkata", "Hyderabad, Pakistan Asia/Karachi"][..]),
        ("san jose", &["San Francisco America/Los_Angeles", "San José, Costa Rica America/Costa_Rica"]),
        ("tripoli", &["Tripoli, Libya Africa/Tripoli", "Tripoli, Lebanon Asia/Beirut"]),
        ("portland", &["Portland, Oregon America/Los_Angeles", "Portland, Maine America/New_York"]),
    ] {
        assert_eq!(names(text)[..2], *places);
    }
    assert!(names("san").len() == MOST);
}

#[test]
fn distances_from_greenwich_are_understood() {
    for (text, minutes) in [
        ("GMT+7", 420),
        ("gmt + 7", 420),
        ("UTC+07:00", 420),
        ("+7", 420),
        ("+0700", 420),
        ("utc-3:30", -210),
        ("+5.45", 345),
        ("−5", -300),
        ("GMT+0", 0),
        ("+14", 840),
    ] {
        assert_eq!(distance(text), Some(minutes), "{text}");
    }
    for text in ["7", "+", "GMT", "+15", "-13", "+7:5", "+7:60", "+123", "++7", "+7a", "+1é2"] {
        assert_eq!(distance(text), None, "{text}");
    }
    assert_eq!(names("+7")[..3], ["UTC+7 Etc/GMT-7", "Jakarta Asia/Jakarta", "Pontianak Asia/Pontianak"]);
    first("GMT-3", "UTC−3 Etc/GMT+3");
    first("+5:30", "Delhi Asia/Kolkata");
    first("+5:45", "Kathmandu Asia/Kathmandu");
    first("gmt+0", "UTC UTC");
    assert!(names("-5").contains(&"New York America/New_York".to_owned()) || names("-5").len() == MOST);
    assert!(names("+0:15").is_empty());
}

#[test]
fn every_place_of_the_table_is_found_by_each_of_its_names() {
    let table = cities::HOME.iter().flat_map(|(zone, names)| names.iter().map(move |names| (*names, *zone)));
    for (all, zone) in table.chain(cities::WORLD.iter().copied()) {
        let zone: Tz = zone.parse().unwrap();
        let name = all.split('|').next().unwrap();
        for typed in all.split('|') {
            let place = Place { name: name.into(), zone };
            let at = find(typed).iter().position(|found| *found == place);
            assert!(at.is_some_and(|at| at < 3), "{typed}: {:?}", names(typed));
            assert!(find(&typed.to_uppercase()).contains(&place) && find(&fold(typed)).contains(&place), "{typed}");
        }
    }
}

#[test]
fn every_zone_is_found_by_its_city() {
    let year: Vec<_> = (1..=12).map(|month| chrono::Utc.with_ymd_and_hms(2026, month, 10, 0, 0, 0).unwrap()).collect();
    let rules =
        |zone: Tz| -> Vec<_> { year.iter().map(|at| zone.offset_from_utc_datetime(&at.naive_utc()).fix()).collect() };
    for zone in TZ_VARIANTS.iter().copied().filter(|zone| is_a_city(zone.name())) {
        let city = zone.name().rsplit('/').next().unwrap().replace('_', " ");
        let found = find(&city);
        assert!(found.iter().any(|place| rules(place.zone) == rules(zone)), "{zone}: {found:?}");
        assert_eq!(find(zone.name())[0].zone, zone);
    }
}

proptest! {
    #[test]
    fn any_text_gives_few_places_each_once(text in any::<String>()) {
        let found = find(&text);
        prop_assert!(found.len() <= MOST);
        for (at, place) in found.iter().enumerate() {
            prop_assert!(!found[..at].contains(place));
        }
    }

    #[test]
    fn one_slip_in_a_long_name_does_not_matter(
        which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), kind in 0..3,
    ) {
        let long: Vec<&Known> = KNOWN.iter().filter(|known| known.folded[0].len() >= 9).collect();
        let known = which.get(&long);
        let mut letters: Vec<char> = known.folded[0].chars().collect();
        let at = at.index(letters.len() - 1);
        match kind {
            0 => { letters.remove(at); }
            1 => letters.insert(at, 'x'),
            _ => letters.swap(at, at + 1),
        }
        let typed: String = letters.into_iter().collect();
        let found = find(&typed);
        prop_assert!(found.iter().any(|place| place.zone == known.zone), "{}: {:?}", typed, found);
    }
}
