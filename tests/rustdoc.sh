#!/bin/sh
# rustdoc that holds each `compile_fail` example to the error code it names: only an unstable rustdoc compares them, so this
# one is told that it may. For doc tests alone; nothing is built with it.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
