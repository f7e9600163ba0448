//! What people type for their numbers.
use super::*;
use proptest::prelude::*;

fn local(text: &str, country: &str) -> Result<String, PhoneError> {
    PhoneNumber::parse_local(text, Country::parse(country).unwrap()).map(|number| number.digits().to_owned())
}

#[test]
fn what_people_type_is_understood() {
    for text in ["+62 812-3456-7890", "62 (812) 3456.7890", "0062 81234567890", "\u{202a}+62 812‑3456‑7890\u{202c}"]
    {
        assert_eq!(PhoneNumber::parse(text).unwrap().digits(), "6281234567890", "{text}");
    }
    assert_eq!(PhoneNumber::parse("0812345678"), Err(PhoneError::CountryCode));
    assert_eq!(PhoneNumber::parse("12345"), Err(PhoneError::Length));
    assert_eq!(PhoneNumber::parse("62812x"), Err(PhoneError::Character));
    assert_eq!(PhoneNumber::parse("6281+2345678"), Err(PhoneError::Character));
    assert_eq!(format!("{:?}", PhoneNumber::parse("+6281234567890").unwrap()), "PhoneNumber(…)");
}

#[test]
fn a_number_of_the_country_gets_its_calling_code() {
    for (country, text, digits) in [
        ("ID", "0812 3456 7890", "6281234567890"),
        ("ID", "812-3456-7890", "6281234567890"),
        ("ID", "62812 3456 7890", "6281234567890"),
        ("ID", "+62 812 3456 7890", "6281234567890"),
        ("ID", "+62 (0)812 3456 7890", "6281234567890"),
        ("ID", "(021) 765 4321", "62217654321"),
        ("ID", "0819 0123 4567", "6281901234567"),
        ("ID", "+81 90 1234 5678", "819012345678"),
        ("ID", "0060 12 345 6789", "60123456789"),
        ("ID", "44 7911 123456", "447911123456"),
        ("MY", "012-345 6789", "60123456789"),
        ("SG", "8123 4567", "6581234567"),
        ("SG", "6123 4567", "6561234567"),
        ("SG", "65 8123 4567", "6581234567"),
        ("SG", "0812", ""),
        ("SG", "447911123456", "447911123456"),
        ("GB", "07911 123456", "447911123456"),
        ("DE", "0171 2345678", "491712345678"),
        ("US", "(212) 555-0100", "12125550100"),
        ("US", "1 212 555 0100", "12125550100"),
        ("RU", "8 (912) 345-67-89", "79123456789"),
        ("RU", "912 345 67 89", "79123456789"),
        ("RU", "7 912 345 67 89", "79123456789"),
        ("KZ", "8 701 234 5678", "77012345678"),
        ("HU", "06 30 123 4567", "36301234567"),
        ("IT", "06 1234 5678", "390612345678"),
        ("CI", "07 12 34 56 78", "2250712345678"),
        ("IN", "91987 65432", "919198765432"),
        ("IN", "91 98765 43210", "919876543210"),
        ("BR", "(11) 98765-4321", "5511987654321"),
    ] {
        assert_eq!(local(text, country).unwrap_or_default(), digits, "{country} {text}");
    }
}

#[test]
fn what_no_country_has_is_refused() {
    for (text, why) in [
        ("0812", PhoneError::National),
        ("0812 3456 7890 1234 5", PhoneError::National),
        ("+62 812 345", PhoneError::National),
        ("+62", PhoneError::Length),
        ("", PhoneError::Length),
        ("+0812 3456 7890", PhoneError::CountryCode),
        ("+999 1234 5678", PhoneError::CountryCode),
        ("217654321", PhoneError::CountryCode),
        ("nol delapan", PhoneError::Character),
        ("0812😀", PhoneError::Character),
        ("٠٨١٢", PhoneError::Character),
    ] {
        assert_eq!(local(text, "ID"), Err(why), "{text}");
    }
}

#[test]
fn countries_are_known_by_their_letters() {
    assert_eq!(Country::default(), Country::parse("id").unwrap());
    assert_eq!(Country::parse(" SG ").unwrap().code(), "SG");
    assert!(Country::parse("XX").is_none() && Country::parse("IDN").is_none() && Country::parse("").is_none());
    let codes: Vec<_> = Country::all().map(Country::code).collect();
    assert!(codes.is_sorted() && codes.iter().all(|code| code.len() == 2), "{codes:?}");
    for country in Country::all() {
        let plan = country.plan();
        assert!(plan.lengths.0 <= plan.lengths.1 && plan.calling.len() + plan.lengths.1 <= MOST, "{country}");
        assert!(plan.mobile.is_empty() || plan.lengths.0 <= plan.mobile_lengths.0, "{country}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(text in "\\PC{0,40}", country in 0_usize..245) {
        let country = Country::all().nth(country).unwrap();
        if let Ok(number) = PhoneNumber::parse_local(&text, country) {
            prop_assert!((LEAST..=MOST).contains(&number.digits().len()));
            // What was read is read again, wherever somebody is.
            prop_assert_eq!(PhoneNumber::parse_local(&number.to_string(), Country::default()).map(|_| ()), Ok(()));
            prop_assert_eq!(PhoneNumber::parse(&number.to_string()), Ok(number));
        }
    }

    #[test]
    fn a_mobile_number_is_understood_however_it_is_written(
        country in 0_usize..245, first in any::<prop::sample::Index>(), more in "[0-9]{14}", longest in any::<bool>(),
    ) {
        let country = Country::all().nth(country).unwrap();
        let plan = country.plan();
        prop_assume!(!plan.mobile.is_empty());
        let first = plan.mobile.as_bytes()[first.index(plan.mobile.len())] as char;
        let length = if longest { plan.mobile_lengths.1 } else { plan.mobile_lengths.0 };
        let number = format!("{first}{}", &more[..length - 1]);
        // Nobody is reached so from within: it begins like an international number.
        prop_assume!(!format!("{}{number}", plan.trunk).starts_with("00"));
        let whole = format!("{}{number}", plan.calling);
        let read = |text: String| PhoneNumber::parse_local(&text, country).map(String::from);
        prop_assert_eq!(read(format!("+{whole}")), Ok(whole.clone()));
        prop_assert_eq!(read(format!("{}{number}", plan.trunk)), Ok(whole.clone()));
        prop_assert_eq!(PhoneNumber::parse_local(&format!("+{whole}"), Country::default()).map(String::from), Ok(whole));
    }
}
