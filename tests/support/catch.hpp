// The only header that distinguishes Catch2 2 (Debian) and 3 (vcpkg).
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
