// The one header that tells Catch2 2 (Debian) and 3 (vcpkg) apart.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
