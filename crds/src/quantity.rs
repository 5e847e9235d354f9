//! An amount of a resource, as Kubernetes writes it.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount such as `500m`, `2` or `8Gi`. A whole number in YAML is the same as its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quantity(pub String);

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(i64),
            Text(String),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Number(number) => Self(number.to_string()),
            Written::Text(text) => Self(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Quantity;

    #[test]
    fn numbers_and_texts_are_the_same_amount() {
        for (json, text) in [("2", "2"), ("\"2\"", "2"), ("\"8Gi\"", "8Gi")] {
            let quantity: Quantity = serde_json::from_str(json).unwrap();
            assert_eq!(quantity.to_string(), text);
            assert_eq!(serde_json::to_string(&quantity).unwrap(), format!("\"{text}\""));
        }
        assert!(serde_json::from_str::<Quantity>("0.5").is_err());
    }
}
