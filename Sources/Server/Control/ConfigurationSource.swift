// SPDX-License-Identifier: Apache-2.0
package import Settings

/// Where a reload reads the configuration again.
package struct ConfigurationSource {
    /// For messages.
    package let path: String
    let read: () -> SettingsReport

    package init(path: String, read: @escaping () -> SettingsReport) {
        self.path = path
        self.read = read
    }
}
