//! Reads JSON documents row by row: the lists of a document are handed over element by element, so that a file with a hundred
//! thousand roles is never held as one tree, and a file that breaks off gives what came before.

use serde::Deserialize as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// Takes what a file holds, in its order.
pub(super) trait Sink {
    /// Shall the elements of this list of a document be handed over one by one? `""` is a document that is itself a list.
    fn wants_rows(&self, list: &str) -> bool;
    /// A wanted list begins; it may be empty.
    fn list(&mut self, list: &str);
    /// One element of a wanted list.
    fn row(&mut self, list: &str, row: Value);
    /// Any other value of a document.
    fn field(&mut self, key: String, value: Value);
    /// A document is complete.
    fn end(&mut self);
}

/// Reads all documents of a text: one, or several one after the other (pages, or one per line).
///
/// # Errors
/// When the text is no valid JSON from some place on. What came before was handed over.
pub(super) fn read(text: &str, sink: &mut dyn Sink) -> Result<(), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    loop {
        let mut begun = false;
        match (Document { sink, begun: &mut begun }).deserialize(&mut deserializer) {
            Ok(()) => sink.end(),
            Err(error) if error.is_eof() && !begun => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// One document.
struct Document<'s> {
    sink: &'s mut dyn Sink,
    begun: &'s mut bool,
}

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        *self.begun = true;
        while let Some(key) = map.next_key::<String>()? {
            if self.sink.wants_rows(&key) {
                let other = map.next_value_seed(List { sink: self.sink, name: &key })?;
                if let Some(value) = other {
                    self.sink.field(key, value);
                }
            } else {
                let value = map.next_value::<Value>()?;
                self.sink.field(key, value);
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
        *self.begun = true;
        List { sink: self.sink, name: "" }.visit_seq(seq).map(drop)
    }
}

/// A list, handed over row by row; anything else is returned whole.
struct List<'s> {
    sink: &'s mut dyn Sink,
    name: &'s str,
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = Option<Value>;
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        self.sink.list(self.name);
        while let Some(row) = seq.next_element::<Value>()? {
            self.sink.row(self.name, row);
        }
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::from(text)))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::from(value)))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(Value::from(value)))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::from(value)))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(Value::from(value)))
    }
}
