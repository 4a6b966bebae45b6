//! What is set in a transaction.

use millrun::prelude::*;

#[test]
fn a_child_reads_its_parents_values_and_its_own_writes_stay_its_own() {
    transaction()
        .run_blocking(|outer| {
            outer.set("x", &1)?;
            outer.set("y", &vec!["a", "b"])?;
            transaction().run_blocking(|inner| {
                assert_eq!(inner.get::<u32>("x")?, Some(1));
                inner.set("x", &2)?;
                assert_eq!(inner.get::<u32>("x")?, Some(2));
                assert_eq!(outer.get::<u32>("x")?, Some(1));
                inner.set("z", &())?;
                Ok::<_, TransactionError>(())
            })?;
            assert_eq!(outer.get::<u32>("x")?, Some(1));
            assert_eq!(outer.get::<Vec<String>>("y")?.unwrap(), ["a", "b"]);
            assert_eq!(outer.get::<()>("z")?, None);
            Ok::<_, TransactionError>(())
        })
        .unwrap();
}

#[test]
fn values_of_two_runs_do_not_mix() {
    #[task]
    fn keeps(value: u32) -> Option<u32> {
        let txn = current_transaction().unwrap();
        let before = txn.get("value").unwrap();
        txn.set("value", &value).unwrap();
        assert_eq!(txn.get("value").unwrap(), Some(value));
        before
    }
    let found = transaction().run_blocking(|_| Ok::<_, FlowError>(keeps.map(0..20).result()?)).unwrap();
    assert_eq!(found, [None; 20]);
}

#[test]
fn a_value_of_another_type_is_an_error_that_names_it() {
    transaction()
        .run_blocking(|txn| {
            txn.set("x", "text")?;
            let error = txn.get::<u32>("x").unwrap_err();
            assert!(error.to_string().starts_with("failed to get `x`: invalid type: string"), "{error}");
            let nameless: std::collections::HashMap<Vec<u8>, u8> = [(vec![1], 1)].into();
            let error = txn.set("x", &nameless).unwrap_err();
            assert!(error.to_string().starts_with("failed to set `x`: key must be a string"), "{error}");
            assert_eq!(txn.get::<String>("x")?.unwrap(), "text");
            Ok::<_, TransactionError>(())
        })
        .unwrap();
}

#[test]
fn a_value_that_would_come_back_as_another_is_an_error() {
    transaction()
        .run_blocking(|txn| {
            let said = txn.set("ratio", &Some(f64::NAN)).unwrap_err().to_string();
            assert_eq!(
                said,
                "failed to set `ratio`: JSON has no floats that are infinite or not a number; MessagePack has"
            );
            assert_eq!(txn.get::<Option<f64>>("ratio")?, None);
            txn.set("ratio", &None::<f64>)?;
            assert_eq!(txn.get::<Option<f64>>("ratio")?, Some(None));
            Ok::<_, TransactionError>(())
        })
        .unwrap();
}
