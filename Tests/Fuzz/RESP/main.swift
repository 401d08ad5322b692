// SPDX-License-Identifier: Apache-2.0
import FuzzProperties

FuzzDriver.run { Properties.resp($0) }
