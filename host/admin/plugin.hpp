// The admin endpoint as a plugin, linked in statically: it puts a Conversation on each connection.
#pragma once

#include "admin/router.hpp"
#include "portico/plugin.h"

namespace portico::admin {

// The plugin's table, with the router that its instances use.
class LinkedPlugin {
public:
    // The router outlives this object, and this object the server that has the module.
    explicit LinkedPlugin(Router& router);
    LinkedPlugin(const LinkedPlugin&) = delete;
    LinkedPlugin& operator=(const LinkedPlugin&) = delete;

    [[nodiscard]] const portico_module* module() const noexcept { return &module_; }

private:
    friend class AdminPlugin;

    // A plugin that is made finds its own table (portico_setup::plugin), and so the router.
    struct Table : portico_plugin {
        Router* router;
    };
    Table table_;
    const portico_plugin* plugins_[1];
    portico_module module_;
};

}  // namespace portico::admin
