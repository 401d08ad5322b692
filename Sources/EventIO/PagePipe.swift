// SPDX-License-Identifier: Apache-2.0

/// What pages pass through on their way to a socket; empty between two sends.
public struct PagePipe: Sendable {
    package let output: FileDescriptor
    package let input: FileDescriptor
    /// Takes what a socket had no room for.
    package let sink: FileDescriptor

    /// In bytes: the most that Linux grants everybody.
    static let capacity = 1 << 20

    package init(output: FileDescriptor, input: FileDescriptor, sink: FileDescriptor) {
        self.output = output
        self.input = input
        self.sink = sink
    }
}
