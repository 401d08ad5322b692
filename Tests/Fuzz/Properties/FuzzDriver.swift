// SPDX-License-Identifier: Apache-2.0
import Bytes

#if LARDER_FUZZ
    /// libFuzzer's loop. The package manager names an executable's `main` itself, so that libFuzzer's own is not
    /// linked.
    @_silgen_name("LLVMFuzzerRunDriver")
    private func runDriver(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
        _ once: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
    ) -> CInt

    package enum FuzzDriver {
        private nonisolated(unsafe) static var property: (borrowing Span<UInt8>) -> String? = { _ in nil }

        /// Feeds `property` until time is up; crashes with what it answers.
        package static func run(_ property: @escaping (borrowing Span<UInt8>) -> String?) {
            unsafe FuzzDriver.property = property
            var count = CommandLine.argc
            var arguments = unsafe CommandLine.unsafeArgv
            let status = unsafe withUnsafeMutablePointer(to: &arguments) { arguments in
                unsafe arguments.withMemoryRebound(
                    to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.self, capacity: 1
                ) { arguments in
                    unsafe runDriver(&count, arguments) { start, count in
                        let input = unsafe UnsafeBufferPointer(start: start, count: count)
                        if let problem = unsafe FuzzDriver.property(Span(_unsafeElements: input)) {
                            fatalError(problem)
                        }
                        return 0
                    }
                }
            }
            precondition(status == 0)
        }
    }
#endif
