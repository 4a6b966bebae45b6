//! Serializers: what comes back is what was written.

use std::collections::BTreeMap;
use std::fmt::Debug;

use millrun::BoxError;
use millrun::result::{
    AnySlot, AnyValue, Json, MessagePack, Missing, ResultSerializer, ResultStore, Zstd, serializer,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flight {
    carrier: String,
    delay: Option<f64>,
    stops: Vec<Stop>,
    tags: BTreeMap<String, u64>,
    nothing: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Stop {
    None,
    At(String),
    Between { from: char, to: char },
    Pair(i8, u128),
}

fn flight() -> Flight {
    Flight {
        carrier: "größe \u{1F6EB} \"\\\n\0".into(),
        delay: Some(0.1 + 0.2),
        stops: vec![
            Stop::None,
            Stop::At(String::new()),
            Stop::Between { from: 'a', to: 'ß' },
            Stop::Pair(-1, 7),
        ],
        tags: [("a".into(), u64::MAX), (String::new(), 0)].into(),
        nothing: (),
    }
}

const NAMES: [&str; 4] = ["json", "msgpack", "json_zstd", "msgpack_zstd"];

fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    let store = ResultStore::memory().with_serializer(serializer(name).unwrap());
    store.write_blocking("k", value).unwrap();
    assert_eq!(store.read_blocking::<T>("k").unwrap().into_value().as_ref(), Some(value), "{name}");
}

#[test]
fn each_gives_back_what_it_was_given() {
    for name in NAMES {
        round_trip(name, &flight());
        round_trip(name, &vec![flight(); 100]);
        round_trip(name, &(u64::MAX, i64::MIN, -0.5_f32, 'x', true, "text".to_owned()));
        round_trip(name, &[f64::MIN_POSITIVE, f64::MAX, -0.0, 1.0 / 3.0, 5e-324]);
        round_trip(name, &BTreeMap::from([(1_u32, "one".to_owned())]));
        round_trip(name, &Some(vec![0_u8, 255]));
        round_trip(name, &None::<Vec<u8>>);
        round_trip(name, &());
    }
}

#[test]
fn floats_come_back_to_the_last_bit() {
    let store = ResultStore::memory();
    let mut bits = 0x3ff0_0000_0000_0001_u64;
    for _ in 0..2000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let float = f64::from_bits(bits);
        if float.is_finite() {
            store.write_blocking("k", &float).unwrap();
            let back: f64 = store.read_blocking("k").unwrap().into_value().unwrap();
            assert_eq!(back.to_bits(), float.to_bits(), "{float:e}");
        }
    }
}

#[test]
fn a_store_reads_what_one_with_another_serializer_has_written() {
    let store = ResultStore::memory();
    for name in NAMES {
        store.clone().with_serializer(serializer(name).unwrap()).write_blocking(name, &flight()).unwrap();
    }
    for reader in NAMES {
        let store = store.clone().with_serializer(serializer(reader).unwrap());
        for name in NAMES {
            assert_eq!(store.read_blocking::<Flight>(name).unwrap().into_value(), Some(flight()), "{name}");
        }
    }
}

#[test]
fn they_have_their_names() {
    for name in NAMES {
        assert_eq!(serializer(name).unwrap().name(), name);
        assert_eq!(ResultStore::memory().with_serializer(serializer(name).unwrap()).serializer_name(), name);
    }
    assert_eq!(ResultStore::memory().serializer_name(), "json");
    assert_eq!((Json.name(), MessagePack.name()), ("json", "msgpack"));
    assert_eq!(Zstd::new(MessagePack).name(), "msgpack_zstd");
    assert!(serializer("yaml").is_none());
}

#[test]
fn fields_may_be_added_and_swapped() {
    #[derive(Serialize)]
    struct Before {
        a: u32,
        b: String,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct After {
        b: String,
        #[serde(default)]
        c: Vec<u8>,
        a: u32,
    }
    for name in NAMES {
        let store = ResultStore::memory().with_serializer(serializer(name).unwrap());
        store.write_blocking("k", &Before { a: 1, b: "b".into() }).unwrap();
        let after = After { b: "b".into(), c: Vec::new(), a: 1 };
        assert_eq!(store.read_blocking::<After>("k").unwrap().into_value(), Some(after), "{name}");
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let store = ResultStore::memory();
    let value = BTreeMap::from([(vec![1, 2], "a list for a key")]);
    let error = store.write_blocking("k", &value).unwrap_err();
    assert!(error.is_unserializable());
    assert!(error.to_string().ends_with("cannot be written as json: key must be a string"), "{error}");
    assert!(!store.exists_blocking("k").unwrap());
    let store = store.with_serializer(MessagePack);
    store.write_blocking("k", &value).unwrap();
    assert!(store.read_blocking::<BTreeMap<Vec<u32>, String>>("k").unwrap().into_value().is_some());
}

/// What is said of a value that cannot be written, of which nothing is there then.
fn refused<T: Serialize>(name: &str, value: &T) -> String {
    let store = ResultStore::memory().with_serializer(serializer(name).unwrap());
    let error = store.write_blocking("k", value).unwrap_err();
    assert!(error.is_unserializable(), "{error}");
    assert!(!store.exists_blocking("k").unwrap());
    error.to_string()
}

#[test]
fn json_refuses_floats_that_it_has_no_form_for() {
    #[derive(Serialize)]
    enum Reading {
        Pair(f32, Option<f32>),
        Named { value: BTreeMap<String, Option<f64>> },
    }
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let small = float as f32;
        for name in ["json", "json_zstd"] {
            let said = [
                refused(name, &float),
                refused(name, &Some(float)),
                refused(name, &vec![1.0, float]),
                refused(name, &(1, [Some(float)])),
                refused(name, &Reading::Pair(small, None)),
                refused(name, &Reading::Pair(1.0, Some(small))),
                refused(
                    name,
                    &Reading::Named { value: [("a".into(), None), ("b".into(), Some(float))].into() },
                ),
            ];
            for said in said {
                let why = format!(
                    "cannot be written as {name}: JSON has no floats that are infinite or not a number; MessagePack has"
                );
                assert!(said.ends_with(&why), "{said}");
            }
        }
    }
}

#[test]
fn a_some_around_nothing_is_refused_where_it_would_be_read_as_none() {
    for name in NAMES {
        for said in [
            refused(name, &Some(None::<u8>)),
            refused(name, &vec![None, Some(())]),
            refused(name, &[Some(serde_json::Value::Null)]),
        ] {
            let why = format!("cannot be written as {name}: a `Some` around nothing would be read as `None`");
            assert!(said.ends_with(&why), "{said}");
        }
        round_trip(name, &Some(Some(1)));
        round_trip(name, &vec![None::<Option<u8>>]);
        round_trip(name, &Some(vec![None::<u8>, Some(0xc0)]));
        round_trip(name, &vec![(), ()]);
    }
}

#[test]
fn messagepack_knows_all_floats() {
    let store = ResultStore::memory().with_serializer(MessagePack);
    store.write_blocking("k", &[f64::INFINITY, f64::NAN]).unwrap();
    let back: [f64; 2] = store.read_blocking("k").unwrap().into_value().unwrap();
    assert!(back[0].is_infinite() && back[1].is_nan());
}

#[test]
fn zstd_takes_less() {
    let length = |name: &str| {
        let store = ResultStore::memory().with_serializer(serializer(name).unwrap());
        store.write_blocking("k", &vec![7; 10_000]).unwrap();
        match store.read_blocking::<Vec<u32>>("k").unwrap() {
            millrun::result::Read::Found(record) => record.info.length,
            millrun::result::Read::Missing(missing) => panic!("{missing}"),
        }
    };
    assert_eq!((length("json"), length("msgpack")), (20_001, 10_003));
    assert!(length("json_zstd") < 100 && length("msgpack_zstd") < 100);
}

/// Writes what is shown, backwards.
struct Backwards;

impl ResultSerializer for Backwards {
    fn name(&self) -> &'static str {
        "backwards"
    }

    fn serialize(&self, value: AnyValue<'_>) -> Result<Vec<u8>, BoxError> {
        let mut bytes = serde_json::to_vec(&value)?;
        bytes.reverse();
        Ok(bytes)
    }

    fn deserialize(&self, bytes: &[u8], slot: AnySlot<'_>) -> Result<(), BoxError> {
        let bytes: Vec<u8> = bytes.iter().rev().copied().collect();
        Ok(slot.fill(&mut serde_json::Deserializer::from_slice(&bytes))?)
    }
}

#[test]
fn one_of_your_own() {
    let plain = ResultStore::memory();
    let store = plain.clone().with_serializer(Backwards);
    store.write_blocking("k", &flight()).unwrap();
    assert_eq!(store.read_blocking::<Flight>("k").unwrap().into_value(), Some(flight()));
    // What it had before it still reads.
    let other = store.clone().with_serializer(Json);
    assert_eq!(other.read_blocking::<Flight>("k").unwrap().into_value(), Some(flight()));

    let missing = plain.read_blocking::<Flight>("k").unwrap();
    assert_eq!(missing.missing(), Some(&Missing::UnknownSerializer("backwards".into())));
    assert!(!plain.exists_blocking("k").unwrap());
    let said = missing.missing().unwrap().to_string();
    assert!(said.contains("`backwards`") && said.contains("with_serializer"), "{said}");
}
