//! Tasks and flows with options of their own: `wait_for`, `with_…`, and their `call`, `submit`, `map` and `start`.

use millrun::prelude::*;

use crate::gate::Calls;

#[task(tags = ["own", "io"], version = "1")]
fn my_tags() -> Vec<String> {
    task_run().unwrap().tags()
}

#[test]
fn tags_are_replaced_and_not_merged() {
    assert_eq!(my_tags().result().unwrap(), ["own", "io"]);
    assert_eq!(my_tags.with_tags(["other"]).submit().result().unwrap(), ["other"]);
    assert_eq!(my_tags.with_tags(["other"]).with_tags(["last"]).call().result().unwrap(), ["last"]);
    let none: [&str; 0] = [];
    assert!(my_tags.with_tags(none).submit().result().unwrap().is_empty());
}

#[task]
fn name_of(_x: u32) -> String {
    task_run().unwrap().name()
}

#[test]
fn a_configured_task_can_be_called_submitted_and_mapped() {
    let named = name_of.with_name("other");
    #[flow]
    fn names() -> Result<Vec<String>, TaskError> {
        let named = name_of.with_name("other");
        let mut names = vec![named.call(1).result()?, named.submit(2).result()?];
        names.extend(named.map([3, 4]).result()?);
        Ok(names)
    }
    assert_eq!(names().result().unwrap(), ["other-0", "other-1", "other[0]", "other[1]"]);
    assert!(named.clone().submit(1).result().unwrap().starts_with("other-"));
}

#[test]
fn options_add_up_and_the_attribute_stays_as_it_was() {
    #[task(retries = 1)]
    fn failing(calls: Calls) -> Result<(), String> {
        calls.add();
        Err("no".into())
    }
    let calls = Calls::default();
    let none = failing.with_name("unlucky").with_retries(0);
    let future = none.submit(&calls);
    assert!(future.result().is_err());
    assert_eq!((calls.count(), future.name().starts_with("unlucky-")), (1, true));
    assert!(failing.submit(&calls).result().is_err());
    assert_eq!(calls.count(), 1 + 2);
    assert!(failing.with_retries(3).call(calls.clone()).result().is_err());
    assert_eq!(calls.count(), 1 + 2 + 4);
}

fn note(run: &TaskRun, _state: &State) {
    NOTED.lock().unwrap().push(run.name());
}

static NOTED: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

#[test]
fn hooks_survive_other_options() {
    #[task(on_completion = note)]
    fn hooked() {}
    hooked.with_task_run_name("hooked by its attribute").with_tags(["x"]).submit().result().unwrap();
    assert_eq!(*NOTED.lock().unwrap(), ["hooked by its attribute"]);
}

#[test]
fn a_configured_flow_can_be_called_and_started() {
    #[flow(tags = ["own"])]
    fn named(x: u32) -> Result<(u32, String, Vec<String>), FlowError> {
        let run = flow_run()?;
        Ok((x, run.name(), run.tags()))
    }
    let configured = named.with_flow_run_name("christened").with_tags(["other"]);
    let expected = (1, "christened".to_owned(), vec!["other".to_owned()]);
    assert_eq!(configured.call(1).result().unwrap(), expected);
    assert_eq!(configured.start(1).result().unwrap(), expected);
    assert_eq!(named(1).with_flow_run_name("christened").with_tags(["other"]).result().unwrap(), expected);
    let own = named(2).result().unwrap();
    assert_eq!((own.0, own.2), (2, vec!["own".to_owned()]));
    assert_ne!(own.1, "christened");
}

#[tokio::test]
async fn a_configured_call_may_borrow() {
    #[task]
    async fn length(text: &str) -> usize {
        text.len()
    }
    let text = String::from("borrowed");
    assert_eq!(length.with_name("size").call(&text).await.unwrap(), 8);
}

#[test]
fn retries_set_on_a_generic_task_take_effect_for_calls_too() {
    #[task]
    fn failing<T: Send + Sync + Clone + 'static>(_value: T, calls: Calls) -> Result<(), String> {
        calls.add();
        Err("no".into())
    }
    let calls = Calls::default();
    assert!(failing::<u8>.with_retries(2).submit(1, &calls).result().is_err());
    assert_eq!(calls.count(), 3);
    let calls = Calls::default();
    assert!(failing::<u8>.with_retries(2).call(1, calls.clone()).result().is_err());
    assert_eq!(calls.count(), 3);
}
