// The network in which the contract suite runs on the simulated port.
#pragma once

#include "sim/network.hpp"

namespace portico::test {

[[nodiscard]] sim::Network& contract_network();

}  // namespace portico::test
