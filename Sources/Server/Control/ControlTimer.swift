// SPDX-License-Identifier: Apache-2.0
import EventIO

/// Something done again and again on the control loop while it is wanted.
final class ControlTimer: Deadline {
    private let interval: Duration
    private let action: () -> Void

    init(loop: Loop, every interval: Duration, _ action: @escaping () -> Void) {
        self.interval = interval
        self.action = action
        super.init()
        attachDeadline(to: loop)
    }

    func start() { setDeadline(after: interval) }

    /// Also from within the action.
    func stop() { cancelDeadline() }

    override func deadlinePassed() {
        start()
        action()
    }
}
