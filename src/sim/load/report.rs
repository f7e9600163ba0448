//! What a benchmark found, for people and for programs.
//!
//! Pure: it measures nothing.
use serde::Serialize;
use std::fmt::Write as _;

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The measurement; the middle one where there were several.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What is to be held; none for a figure that only explains others.
    pub target: Option<f64>,
    /// Which way is better.
    pub better: Better,
    /// Whether the target is held.
    pub ok: bool,
    /// The least and the most of several measurements.
    #[serde(skip)]
    spread: Option<(f64, f64)>,
}

impl Figure {
    /// A figure without a target.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str, better: Better) -> Self {
        Figure { name: name.into(), value: rounded(value), unit, target: None, better, ok: true, spread: None }
    }

    /// The middle one of several measurements, with their spread.
    pub fn middle(name: impl Into<String>, values: &[f64], unit: &'static str, better: Better) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
        let spread = sorted.first().copied().zip(sorted.last().copied()).filter(|_| sorted.len() > 1);
        Figure { spread, ..Figure::new(name, middle, unit, better) }
    }

    /// With what is to be held.
    #[must_use]
    pub fn hold(mut self, target: f64) -> Self {
        self.target = Some(target);
        self.ok = match self.better {
            Better::Lower => self.value <= target,
            Better::Higher => self.value >= target,
        };
        self
    }
}

/// Three digits after the point are more than any of these figures is good for.
fn rounded(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

/// What one run found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The benchmark's name.
    pub bench: String,
    /// What it found.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Whether every target is held.
    pub fn ok(&self) -> bool {
        self.figures.iter().all(|figure| figure.ok)
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let width = self.figures.iter().map(|f| f.name.chars().count()).max().unwrap_or(0);
        let mut text = format!("{}\n", self.bench);
        for figure in &self.figures {
            let sign = if figure.better == Better::Lower { "≤" } else { "≥" };
            let target = figure.target.map_or_else(String::new, |t| {
                format!("  target {sign} {t}  {}", if figure.ok { "held" } else { "MISSED" })
            });
            let spread = figure.spread.map_or_else(String::new, |(low, high)| format!("  ({low:.1} to {high:.1})"));
            // Writing to a string cannot fail.
            if writeln!(text, "  {:width$}  {:>10.1} {}{spread}{target}", figure.name, figure.value, figure.unit)
                .is_err()
            {
                break;
            }
        }
        text
    }
}

/// The value below which this share of the sorted values lies.
pub fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "small")]
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_held_from_its_good_side() {
        assert!(Figure::new("a", 5.0, "ms", Better::Lower).hold(5.0).ok);
        assert!(!Figure::new("a", 5.1, "ms", Better::Lower).hold(5.0).ok);
        assert!(!Figure::new("a", 4.0, "1/s", Better::Higher).hold(5.0).ok);
        // What was not measured holds nothing.
        assert!(!Figure::middle("a", &[], "ms", Better::Lower).hold(5.0).ok);
    }

    #[test]
    fn the_json_has_exactly_the_promised_fields() {
        let figure = Figure::middle("rate", &[3.0, 1.0, 2.0], "1/s", Better::Higher).hold(1.5);
        let report = Report { bench: "x".into(), figures: vec![figure] };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"bench": "x", "figures": [
                {"name": "rate", "value": 2.0, "unit": "1/s", "target": 1.5, "better": "higher", "ok": true}]})
        );
        assert!(report.table().contains("(1.0 to 3.0)"), "{}", report.table());
    }

    #[test]
    fn percentiles() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), 50.0);
        assert_eq!(percentile(&values, 0.99), 99.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
