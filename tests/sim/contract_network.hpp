// The network of the contract suite on the simulated port.
#pragma once

#include "sim/network.hpp"

namespace portico::test {

[[nodiscard]] sim::Network& contract_network();

}  // namespace portico::test
