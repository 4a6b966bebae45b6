//! The table of auto traits: what may be sent, shared, and moved, of every public type.

use std::marker::PhantomData;

use millrun::prelude::*;
use millrun::runner::{ConcurrencyType, ReadyRun, RunnerError};

/// Says whether a type has a trait: an inherent constant goes before that of a trait.
struct Has<T: ?Sized>(PhantomData<T>);

trait HasNot {
    const SEND: bool = false;
    const SYNC: bool = false;
    const UNPIN: bool = false;
}

impl<T: ?Sized> HasNot for Has<T> {}

macro_rules! has {
    ($($name:ident: $bound:path;)*) => {
        $(impl<T: ?Sized + $bound> Has<T> {
            const $name: bool = true;
        })*
    };
}

has! {
    SEND: Send;
    SYNC: Sync;
    UNPIN: Unpin;
}

macro_rules! table {
    ($($send:literal $sync:literal $unpin:literal $type:ty;)*) => {
        $(assert_eq!(
            (Has::<$type>::SEND, Has::<$type>::SYNC, Has::<$type>::UNPIN),
            ($send, $sync, $unpin),
            "Send, Sync, Unpin of {}",
            stringify!($type)
        );)*
    };
}

/// Can be sent, not shared.
type NotSync = std::cell::Cell<u32>;

#[test]
fn the_table_of_auto_traits() {
    // Send, Sync, Unpin
    table! {
        true true true TaskFuture<u32>;
        true true true TaskFutures<u32>;
        true true true FlowFuture<u32>;
        true true true millrun::Outcomes<u32>;
        true true true millrun::AsCompleted<u32>;
        true true true millrun::Blocking<u32>;
        true true true millrun::AwaitedRun;
        true true true Waited;
        // Whatever they give: results are shared, so they are `Send + Sync` where a run can be made at all.
        true true true TaskFuture<NotSync>;
        true true true FlowFuture<NotSync>;

        true true true TaskError;
        true true true FlowError;
        true true true MapError;
        true true true ErrorKind;
        true true true millrun::ContextError;
        true true true millrun::InstallError;
        true true true millrun::settings::SettingsError;

        true true true State;
        true true true StateName;
        true true true StateType;
        true true true millrun::StateDetails;
        true true true millrun::TaskRunId;
        true true true millrun::FlowRunId;

        true true true TaskRun;
        true true true FlowRunInfo;
        true true true FlowRun<u32>;
        true true true RunContext;
        true true true millrun::TagScope;
        true false true millrun::Scoped<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>;
        true true true millrun::Scoped<std::future::Ready<()>>;
        false false true millrun::Scoped<std::pin::Pin<Box<dyn Future<Output = ()>>>>;

        true true true Engine;
        true true true millrun::testing::TestEngine;
        true true true millrun::testing::RunEvent;
        true true true millrun::EngineBuilder;
        true true true Clock;
        true true true Permit;
        true true true millrun::Spec;
        true true true millrun::Kind;
        true true true millrun::RetryDelay;
        true true true RetryDelays;
        true true true Trigger;
        true true true Decision;
        true true true Upstream;
        true true true millrun::Amount;
        true true true millrun::Amounts;

        true true true SequentialTaskRunner;
        true true true ConcurrentTaskRunner;
        true true true ThreadPoolTaskRunner;
        true true false dyn TaskRunner;

        true true true ResultStore;
        true true true millrun::ResultStoreError;
        true true true millrun::result::ResultType;
        true true true millrun::result::WriteOptions;
        true true true millrun::result::Read<u32>;
        true true true millrun::result::Missing;
        true true false dyn millrun::result::ResultSerializer;
        true true true millrun::MemoryLockManager;
        true true true millrun::FileLockManager;
        true true true millrun::lock::LockRequest;
        true true true millrun::lock::LockError;
        true true false dyn millrun::LockManager;
        true true true ReadyRun;
        true true true ConcurrencyType;
        true true true RunnerError;

        true true true millrun::Unmapped<u32>;
        true true true millrun::Quoted<u32>;
        true true true millrun::AllowFailure<TaskFuture<u32>>;
        true false true millrun::Unmapped<NotSync>;
        true true true millrun::Ref<'static, str>;
    }
}

fn traits_of<T>(_value: &T) -> Traits<T> {
    Traits(PhantomData)
}

struct Traits<T>(PhantomData<T>);

impl<T: Send + Sync + Unpin> Traits<T> {
    fn send_sync_unpin(&self) -> bool {
        true
    }
}

impl<T: Send> Traits<T> {
    fn send(&self) -> bool {
        true
    }
}

#[task]
async fn later(text: &str, x: u32) -> usize {
    text.len() + x as usize
}

#[task]
fn at_once(x: u32) -> u32 {
    x
}

#[flow]
async fn flow(x: u32) -> u32 {
    x
}

#[test]
fn calls_and_configured_tasks_go_where_their_arguments_may_go() {
    let text = String::from("borrowed");
    assert!(traits_of(&later(&text, 1)).send_sync_unpin());
    assert!(traits_of(&at_once(1)).send_sync_unpin());
    assert!(traits_of(&flow(1)).send_sync_unpin());
    assert!(traits_of(&later.with_retries(1)).send_sync_unpin());
    assert!(traits_of(&flow.with_retries(1)).send_sync_unpin());
    assert!(traits_of(&later.with_retries(1).call(&text, 1)).send_sync_unpin());
    // Being executed, it holds a body that may not be shareable.
    assert!(traits_of(&std::future::IntoFuture::into_future(later(&text, 1))).send());
    assert!(traits_of(&std::future::IntoFuture::into_future(flow(1))).send());
    assert!(traits_of(&flow(1).report()).send());
    assert!(traits_of(&Engine::builder().build().run(flow(1))).send());
    assert!(traits_of(&at_once.submit(1).finished()).send());
    assert!(traits_of(&wait((), None)).send());
    assert!(traits_of(&concurrency("db")).send());
    let results = ResultStore::memory();
    assert!(traits_of(&results.write("k", &1)).send());
    assert!(traits_of(&results.read::<u32>("k")).send());
    assert!(traits_of(&results.exists("k")).send());
    assert!(traits_of(&results.delete("k")).send());
}
