//! Which time zone does somebody mean who types a city?
//!
//! Answers for every city that a time zone is named after, for those of the table, for distances from Greenwich and for
//! zones' own names; in any case, with or without diacritics, in part or misspelt.
mod cities;

use super::fold::fold;
use chrono::{Offset as _, TimeZone as _};
use chrono_tz::{TZ_VARIANTS, Tz};
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// A place, and the time that is kept there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is called.
    pub name: String,
    /// Its time zone.
    pub zone: Tz,
}

/// At most this many are offered.
pub const MOST: usize = 6;

/// A place with what it is found by.
struct Known {
    name: String,
    zone: Tz,
    /// All its names, folded.
    folded: Vec<String>,
    /// Whether it is in Indonesia: of what fits equally well, that comes first.
    is_home: bool,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(load);

fn load() -> Vec<Known> {
    let home = cities::HOME.iter().flat_map(|(zone, names)| names.iter().map(move |names| (*names, *zone, true)));
    let world = cities::WORLD.iter().map(|(names, zone)| (*names, *zone, false));
    // A test holds that every zone of the table is one.
    let known = home.chain(world).filter_map(|(names, zone, is_home)| {
        let name = names.split('|').next()?.to_owned();
        Some(Known { name, zone: zone.parse().ok()?, folded: names.split('|').map(fold).collect(), is_home })
    });
    let mut known: Vec<Known> = known.collect();
    let mut named: HashSet<String> = known.iter().flat_map(|known| known.folded.iter().cloned()).collect();
    // Zones that were renamed stand there under both names; the one that says more is the present one.
    let mut zones: Vec<Tz> = TZ_VARIANTS.iter().copied().filter(|zone| is_a_city(zone.name())).collect();
    zones.sort_by_key(|zone| std::cmp::Reverse((zone.name().matches('/').count(), zone.name())));
    for zone in zones {
        let name = zone.name().rsplit('/').next().unwrap_or_default().replace('_', " ");
        if named.insert(fold(&name)) {
            known.push(Known { folded: vec![fold(&name)], name, zone, is_home: false });
        }
    }
    known
}

/// Whether a zone is named after a place in it, and not after a rule or a country's part.
fn is_a_city(zone: &str) -> bool {
    let region = zone.split_once('/').map(|(region, _)| region);
    region.is_some_and(|region| !["Etc", "US", "Canada", "Mexico", "Brazil", "Chile"].contains(&region))
}

/// The zone whose own name this is.
fn named(text: &str) -> Option<Tz> {
    let name = text.trim().replace(' ', "_");
    TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(&name) && is_a_city(zone.name()))
}

/// The places that this may mean, at most [`MOST`], the best first.
pub fn find(text: &str) -> Vec<Place> {
    let query = fold(text);
    // No name of a place is that long; what is, is something else.
    if query.is_empty() || query.len() > 100 {
        return Vec::new();
    }
    if let Some(minutes) = distance(text) {
        return at_distance(minutes);
    }
    let mut found = Vec::new();
    if ["utc", "gmt", "z", "zulu"].contains(&query.as_str()) {
        found.push(Place { name: "UTC".into(), zone: Tz::UTC });
    } else if let Some(zone) = named(text) {
        found.push(Place { name: zone.name().replace('_', " "), zone });
    }
    let mut fitting: Vec<(usize, bool, usize, &Known)> = KNOWN
        .iter()
        .enumerate()
        .filter_map(|(at, known)| {
            let misfit = known.folded.iter().filter_map(|name| misfit(&query, name)).min()?;
            Some((misfit, !known.is_home, at, known))
        })
        .collect();
    fitting.sort_by_key(|(misfit, abroad, at, _)| (*misfit, *abroad, *at));
    for (.., known) in fitting {
        if found.iter().all(|place| place.zone != known.zone || place.name != known.name) {
            found.push(Place { name: known.name.clone(), zone: known.zone });
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

/// How badly a name fits what was typed; the same is 0. `None`: it does not fit.
fn misfit(query: &str, name: &str) -> Option<usize> {
    let letters = query.chars().count();
    if query == name {
        return Some(0);
    }
    if name.starts_with(query) {
        return Some(1);
    }
    if name.split(' ').any(|word| word.starts_with(query)) {
        return Some(2);
    }
    let has_words = |all: &str, some: &str| format!(" {all} ").contains(&format!(" {some} "));
    if name.len() >= 4 && has_words(query, name) || letters >= 3 && name.contains(query) {
        return Some(3);
    }
    // One slip in a short word, three in a long one.
    let slips = match letters {
        0..4 => return None,
        4..6 => 1,
        6..10 => 2,
        _ => 3,
    };
    let whole = strsim::osa_distance(query, name);
    if whole <= slips {
        return Some(3 + whole);
    }
    // The beginning of a name, misspelt.
    let begun: String = name.chars().take(letters).collect();
    let begun = strsim::osa_distance(query, &begun);
    (letters >= 5 && begun < slips).then_some(7 + begun)
}

/// Minutes east of Greenwich, where that is what was typed: `GMT+7`, `UTC -03:30`, `+0545`, `-5`.
fn distance(text: &str) -> Option<i32> {
    let text: String = text.to_ascii_lowercase().split_whitespace().collect();
    let text = text.strip_prefix("utc").or_else(|| text.strip_prefix("gmt")).unwrap_or(&text).replace('−', "-");
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits = &text[1..];
    let (hours, minutes) = match digits.split_once([':', '.']) {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() == 4 && digits.is_ascii() => digits.split_at(2),
        None => (digits, "0"),
    };
    let number = |text: &str| {
        let good = !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        good.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let distance = sign * (hours * 60 + minutes);
    (minutes < 60 && (-12 * 60..=14 * 60).contains(&distance)).then_some(distance)
}

/// The zone that is always at this distance, if there is one, and places that are when no daylight is saved there; first
/// those where none ever is.
fn at_distance(minutes: i32) -> Vec<Place> {
    let mut found = Vec::new();
    if minutes == 0 {
        found.push(Place { name: "UTC".into(), zone: Tz::UTC });
    } else if minutes % 60 == 0 {
        // The names of these zones count westward.
        let hours = minutes / 60;
        if let Ok(zone) = format!("Etc/GMT{:+}", -hours).parse() {
            found.push(Place { name: format!("UTC{hours:+}").replace('-', "−"), zone });
        }
    }
    let mut of_zone: HashMap<Tz, Option<bool>> = HashMap::new();
    let mut places: Vec<(bool, &Known)> = KNOWN
        .iter()
        .filter_map(|known| {
            let fits = *of_zone.entry(known.zone).or_insert_with(|| standard(known.zone, minutes));
            fits.map(|saves_daylight| (saves_daylight, known))
        })
        .collect();
    places.sort_by_key(|(saves_daylight, _)| *saves_daylight);
    // One place a zone: these are examples.
    let mut zones = HashSet::new();
    let examples = places.into_iter().filter(|(_, known)| zones.insert(known.zone)).map(|(_, known)| known);
    found.extend(examples.map(|known| Place { name: known.name.clone(), zone: known.zone }));
    found.truncate(MOST);
    found
}

/// Whether this is the zone's standard distance, and whether it saves daylight. What a zone does at present is what it does
/// in the last year that its rules were checked for here.
fn standard(zone: Tz, minutes: i32) -> Option<bool> {
    let at = |month| zone.with_ymd_and_hms(2026, month, 1, 12, 0, 0).earliest().map(|t| t.offset().fix());
    let (winter, summer) = (at(1)?.local_minus_utc(), at(7)?.local_minus_utc());
    (winter.min(summer) == minutes * 60).then_some(winter != summer)
}

#[cfg(test)]
mod tests;
