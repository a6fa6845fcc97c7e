//! `toml::parse`: values from TOML. Source: <https://toml.io/en/v1.1.0>.

use rhai::{Array, Dynamic, Map};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Error;
use super::{Registry, args};

/// Registers the builtins of this file.
pub fn register(registry: &mut Registry<'_>) {
    registry.add("toml::parse", |call, given| {
        let verb = "toml::parse";
        let text = args::text(verb, call.engine(), &given[0])?;
        let wrong = |at, why| Error::text(verb, "toml", &text, at, why);
        let table = DeTable::parse(&text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            wrong(at, format!("the text cannot be read as TOML: {}", error.message()))
        })?;
        Ok(of_table(table.get_ref()).map_err(|(at, why)| wrong(at, why))?.into())
    });
}

/// Which byte of the text has what a script cannot be given, and why.
type Misfit = (usize, String);

fn of_table(table: &DeTable<'_>) -> Result<Map, Misfit> {
    table.iter().map(|(name, value)| Ok((name.get_ref().as_ref().into(), of_value(value)?))).collect()
}

fn of_value(value: &Spanned<DeValue<'_>>) -> Result<Dynamic, Misfit> {
    let at = value.span().start;
    Ok(match value.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(integer) => {
            let parsed = i64::from_str_radix(integer.as_str(), integer.radix());
            parsed.map_err(|_| (at, format!("the integer {integer} does not fit in 64 bits")))?.into()
        }
        DeValue::Float(float) => {
            let is_infinite = float.as_str().ends_with("inf");
            let parsed = float.as_str().parse::<f64>().ok().filter(|float| is_infinite || !float.is_infinite());
            parsed.ok_or_else(|| (at, format!("the number {float} is larger than a float can be")))?.into()
        }
        DeValue::Boolean(is) => (*is).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(of_value).collect::<Result<Array, _>>()?.into(),
        DeValue::Table(table) => of_table(table)?.into(),
    })
}
