// SPDX-License-Identifier: Apache-2.0
import Bytes
import EventIO

/// Something done again and again on the control loop.
final class ControlTimer: Deadline {
    private let action: () -> Void

    init(loop: Loop, _ action: @escaping () -> Void) {
        self.action = action
        super.init()
        attachDeadline(to: loop)
    }

    func fire(after duration: Duration) { setDeadline(after: duration) }

    override func deadlinePassed() { action() }
}
