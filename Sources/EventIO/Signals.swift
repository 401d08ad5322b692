// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc

/// The signals the program answers to.
public enum Signal: Int32, CaseIterable, Sendable {
    case hangUp = 1
    case interrupt = 2
    case quit = 3
    case user1 = 10
    case terminate = 15
}

/// Delivers signals to one loop as events; subclasses override `received`.
open class SignalChannel: Channel {
    public override init() { super.init() }

    package final func listen(on loop: Loop) throws(SystemError) {
        let numbers = Signal.allCases.map(\.rawValue)
        let fd = try unsafe IOResult(CLinux_signal_descriptor(numbers, numbers.count)).get()
        try attach(FileDescriptor(rawValue: Int32(truncatingIfNeeded: fd)), to: loop, events: .input)
    }

    open func received(_ signal: Signal) {}

    public final override func ready(_ events: ReadyEvents) {
        while isOpen {
            let number = CLinux_next_signal(descriptor.rawValue)
            guard number > 0 else { return }
            if let signal = Signal(rawValue: Int32(truncatingIfNeeded: number)) { received(signal) }
        }
    }
}

/// What is set once for the whole process.
package enum HostProcess {
    /// Before any other thread starts: signals wait for a `SignalChannel`, and a broken pipe is an error that a
    /// call answers. Standard input and output stay as they are.
    package static func prepareSignals() throws(SystemError) {
        let numbers = Signal.allCases.map(\.rawValue)
        _ = try unsafe IOResult(CLinux_block_signals(numbers, numbers.count)).get()  // 0
        _ = try IOResult(CLinux_ignore_broken_pipes()).get()  // 0
    }

    /// Before anything is opened: what takes the place of a missing standard stream would be written log lines.
    package static func openMissingStreams() throws(SystemError) {
        _ = try IOResult(CLinux_open_missing_standard_streams()).get()  // 0
    }

    /// Raises the limit of open files as far as the process may, and answers it.
    package static func raiseDescriptorLimit() throws(SystemError) -> Int {
        try IOResult(CLinux_raise_descriptor_limit()).get()
    }

    /// How many processors the process may use, at least 1.
    package static var processorCount: Int { max(1, CLinux_processor_count()) }
}
