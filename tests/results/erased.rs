//! Values of a type that whoever keeps them does not know.

use std::any::Any;
use std::sync::Arc;

use millrun::result::{Missing, Read, ResultType, WriteOptions};

use crate::operations::everywhere;

type Erased = Arc<dyn Any + Send + Sync>;

const TEXT: ResultType = ResultType::of::<String>();

#[test]
fn are_written_and_read() {
    everywhere(|store| {
        let value: Erased = Arc::new(String::from("text"));
        store.write_erased_blocking("k", &*value, TEXT, &WriteOptions::new()).unwrap();
        let Read::Found(record) = store.read_erased_blocking("k", TEXT).unwrap() else {
            panic!("it is there")
        };
        assert_eq!(record.value.downcast_ref::<String>().unwrap(), "text");
        assert_eq!(store.read_blocking::<String>("k").unwrap().into_value().unwrap(), "text");
        let read = futures::executor::block_on(async {
            store.write_erased("l", &*value, TEXT, &WriteOptions::new()).await.unwrap();
            store.read_erased("l", TEXT).await.unwrap()
        });
        assert!(read.into_value().unwrap().is::<String>());
        assert_eq!(store.read_erased_blocking("m", TEXT).unwrap().missing(), Some(&Missing::None));
    });
}

#[test]
fn of_another_type_are_errors() {
    everywhere(|store| {
        let number: Erased = Arc::new(1_u32);
        let error = store.write_erased_blocking("k", &*number, TEXT, &WriteOptions::new()).unwrap_err();
        assert!(error.is_wrong_type());
        assert_eq!(error.to_string(), "the value for `k` is not a `alloc::string::String`");
        assert!(!store.exists_blocking("k").unwrap());

        store.write_blocking("k", &1).unwrap();
        assert!(store.read_erased_blocking("k", TEXT).unwrap_err().is_wrong_type());
    });
}
