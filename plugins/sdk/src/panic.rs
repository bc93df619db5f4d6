//! Says why a plugin panicked: in the sandbox there is no standard error, and the host would see a bare trap.

/// Sends the messages of panics to the operator's log from now on.
pub(crate) fn report() {
    #[cfg(target_arch = "wasm32")]
    {
        use std::sync::Once;
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            std::panic::set_hook(Box::new(|info| {
                crate::log::write(crate::log::Level::Error, &info.to_string());
            }));
        });
    }
}
