// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// Computing that is to be done in the time that no other thread wants.
package enum BackgroundWork {
    /// Waits for `work`, which a thread of its own does: one that has stepped back for others may not be allowed to
    /// come forward again. `work` must take no lock that loops wait for. Without a thread, the caller does it.
    package static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) -> Value {
        let result = HandOff<Value>()
        let body = ThreadBody {
            // Where the system does not allow it, it is done like everything else.
            _ = CLinux_run_in_background()
            result.put(work())
        }
        let context = unsafe Unmanaged.passRetained(body)
        var thread = pthread_t()
        let code = unsafe pthread_create(
            &thread, nil,
            { context in
                if let context = unsafe context {
                    unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeRetainedValue().run()
                }
                return nil
            }, context.toOpaque())
        guard code == 0 else {
            unsafe context.release()
            return work()
        }
        let value = result.take()
        pthread_join(thread, nil)
        return value
    }
}
