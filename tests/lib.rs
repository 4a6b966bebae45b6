//! Behaviour of Millrun through its public interface; see the test targets.
