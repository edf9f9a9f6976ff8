#include "sim/world/plan.hpp"

#include "portico/plugin.h"

namespace portico::sim {

namespace {

std::uint32_t small(Random& random, std::uint64_t least, std::uint64_t most) noexcept {
    return static_cast<std::uint32_t>(least + random.skewed(most - least));
}

config::Framing draw_framing(Random& random) {
    config::Framing framing;
    framing.max_bytes = small(random, 1, 600);
    switch (random.below(3)) {
        case 0: break;
        case 1: {
            framing.type = config::Framing::Type::delimiter;
            // Each ends with a byte that no payload contains (peers.cpp).
            static constexpr const char* delimiters[] = {"\n", "\r\n", "a\n", "aab\n", "a-a-a\n"};
            framing.delimiter = delimiters[random.below(std::size(delimiters))];
            break;
        }
        default:
            framing.type = config::Framing::Type::length_prefix;
            framing.prefix_bytes = 1U << random.below(3);
            framing.order = random.one_in(2) ? config::Framing::ByteOrder::big
                                             : config::Framing::ByteOrder::little;
            if (framing.prefix_bytes == 1) {
                framing.max_bytes = std::min(framing.max_bytes, 255U);
            }
            break;
    }
    return framing;
}

config::Limits draw_limits(Random& random) {
    config::Limits limits;
    limits.connections = random.one_in(3) ? 100 : small(random, 1, 12);
    limits.send_queue_bytes = random.one_in(4) ? 65'536 : small(random, 64, 2'000);
    limits.send_queue_low_bytes = random.one_in(2) ? 0
                                                   : static_cast<std::uint32_t>(
                                                         random.below(limits.send_queue_bytes));
    limits.max_send_bytes = random.one_in(2) ? 65'536 : small(random, 16, 2'000);
    limits.unconsumed_bytes = random.one_in(2) ? 65'536 : small(random, 1, 1'000);
    limits.idle_timeout_ms = random.one_in(2) ? 0 : small(random, 5, 500);
    limits.half_close_timeout_ms = small(random, 5, 2'000);
    limits.close_timeout_ms = random.one_in(2) ? 5'000 : small(random, 5, 2'000);
    return limits;
}

ServicePlan draw_service(Random& random, std::uint32_t callers) {
    ServicePlan service;
    service.character = random.one_in(2) ? ServicePlan::Character::echo
                                         : ServicePlan::Character::mischief;
    service.flags |= random.one_in(4) ? PORTICO_PLUGIN_SERIAL : 0;
    service.flags |= random.one_in(5) ? PORTICO_PLUGIN_BLOCKING : 0;
    service.blocking_threads = static_cast<std::uint32_t>(random.between(1, 3));
    service.has_on_writable = !random.one_in(4);
    service.has_on_end = !random.one_in(4);
    service.has_on_drain = !random.one_in(3);
    service.resumes_by_post = random.one_in(2);
    service.resumes_from_thread = callers != 0 && random.one_in(2);
    service.limits = draw_limits(random);
    service.framing = draw_framing(random);
    service.addresses = random.one_in(4) && service.limits.connections > 1 ? 2 : 1;
    return service;
}

std::uint32_t some_parts(Random& random) noexcept {
    return static_cast<std::uint32_t>(1 + random.skewed(65'535));
}

// Peers, callbacks and systems of unusual timing. They draw from a stream of their own, so that the
// other runs stay as they are.
void draw_timing(Plan& plan, Random random) {
    if (!random.one_in(3)) {
        return;
    }
    plan.traffic_ns = std::max(plan.traffic_ns, 300 * ms + random.skewed(3'000 * ms));
    plan.faults.tells_age = random.one_in(2);
    if (random.one_in(3)) {
        plan.faults.timer_late_ns = random.one_in(2) ? random.skewed(100 * ms)
                                                     : 101 * ms + random.skewed(1'500 * ms);
    }
    if (random.one_in(2)) {
        plan.steady_readers = random.one_in(2) ? 65'536 : some_parts(random);
        plan.faults.room_in_steps = !random.one_in(3);
        plan.faults.buffer_bytes = static_cast<std::uint32_t>(64 + random.skewed(8'000));
        for (ServicePlan& service : plan.services) {
            service.limits.send_queue_bytes = random.one_in(2) ? 65'536
                                                               : service.limits.send_queue_bytes;
            service.limits.idle_timeout_ms = random.one_in(2) ? service.limits.idle_timeout_ms
                                                              : small(random, 5, 500);
            service.limits.close_timeout_ms = random.one_in(2) ? service.limits.close_timeout_ms
                                                               : small(random, 5, 500);
        }
    }
    if (random.one_in(2)) {
        plan.long_callbacks = 16'384U >> random.below(5);
        plan.long_callback_ns_max = 20 * ms + random.skewed(2'000 * ms);
        plan.first_come_ns_max = random.one_in(2) ? plan.traffic_ns / 2 : plan.first_come_ns_max;
        // In most of these runs another worker could open the clients that come meanwhile, and
        // nothing else holds them up.
        plan.is_shared = plan.is_shared && random.one_in(2);
        plan.threads = std::max(plan.threads, 2U);
        plan.has_accepting_thread = plan.has_accepting_thread || !random.one_in(4);
        if (!random.one_in(3)) {
            plan.faults.accept_no_descriptors = plan.faults.accept_no_memory = plan.faults
                                                                                   .clock_jump = 0;
        }
        for (ServicePlan& service : plan.services) {
            if (random.one_in(2)) {
                service.character = ServicePlan::Character::echo;
                service.flags = 0;
            }
        }
    }
    if (random.one_in(2)) {
        ServicePlan& service = plan.services.front();
        service.character = ServicePlan::Character::echo;
        service.flags = random.one_in(4) ? service.flags : 0;
        service.addresses = random.one_in(2) ? 2 : 1;
        service.limits.idle_timeout_ms = 0;
        plan.newcomers = static_cast<std::uint32_t>(random.between(2, 24));
        service.limits.connections = random.one_in(2) ? plan.newcomers : 100;
    }
}

// Services that answer and close at once, as many protocols do. They have a stream of their own, as
// above.
void draw_farewells(Plan& plan, Random random) {
    if (!random.one_in(4)) {
        return;
    }
    plan.farewells = 32'768U >> random.below(5);
    // In most of these runs nothing else may lose what they have sent, so every peer has to get it.
    if (!random.one_in(3)) {
        plan.faults.reset_connection = plan.faults.accept_aborted = 0;
        plan.faults.receive_no_buffers = plan.faults.send_no_buffers = 0;
    }
    for (ServicePlan& service : plan.services) {
        if (random.one_in(2)) {
            service.framing.type = config::Framing::Type::none;
            service.limits.unconsumed_bytes = small(random, 1, 1'000);
        }
    }
}

// Services that send as much as they may, as a stream does, and go on when something else comes.
void draw_floods(Plan& plan, Random random) {
    if (!random.one_in(4)) {
        return;
    }
    plan.floods = 65'536U >> random.below(5);
    // In most of these runs a full queue is one chunk and leaves in one send.
    plan.receive_buffer_bytes = random.one_in(3) ? plan.receive_buffer_bytes : 1'000;
    for (ServicePlan& service : plan.services) {
        service.limits.send_queue_bytes = random.one_in(3) ? service.limits.send_queue_bytes
                                                           : small(random, 64, 1'000);
        service.limits.send_queue_low_bytes = std::min(service.limits.send_queue_low_bytes,
                                                       service.limits.send_queue_bytes - 1);
        service.limits.idle_timeout_ms = random.one_in(2) ? 0 : service.limits.idle_timeout_ms;
    }
}

// What version 0.2 of the ABI has brought. A stream of their own, as above.
void draw_answers(Plan& plan, Random random) {
    plan.callers_go_on = random.one_in(2);
    for (ServicePlan& service : plan.services) {
        service.has_on_stop = !random.one_in(4);
        service.resumes_inside = random.one_in(3);
        service.waits = random.one_in(2);
    }
}

// Blocking work, in a stream of its own as above.
void draw_works(Plan& plan, Random random) {
    plan.has_works = random.one_in(3);
    for (ServicePlan& service : plan.services) {
        service.executor_threads = static_cast<std::uint32_t>(random.between(1, 2));
        service.executor_queue = random.one_in(2) ? 1'024 : small(random, 1, 4);
    }
}

// A stream of their own, as above.
void draw_groups(Plan& plan, Random random) {
    plan.has_groups = random.one_in(3);
    if (!plan.has_groups) {
        return;
    }
    plan.broadcast_bytes = static_cast<std::uint32_t>(8 +
                                                      random.skewed(random.one_in(2) ? 60 : 1'500));
    plan.has_room = random.one_in(2);
    for (ServicePlan& service : plan.services) {
        // (Runs of unusual timing rely on their echoes.)
        if (random.one_in(2) && plan.newcomers == 0 && plan.long_callbacks == 0) {
            service.character = ServicePlan::Character::mischief;
        }
        if (plan.has_room && service.character == ServicePlan::Character::mischief) {
            service.limits.send_queue_bytes = 16'777'216;
        }
    }
}

}  // namespace

Plan Plan::draw(Random random) {
    Plan plan;
    plan.is_shared = random.one_in(2);
    plan.threads = static_cast<std::uint32_t>(plan.is_shared ? random.between(2, 4)
                                                             : random.between(1, 3));
    plan.has_accepting_thread = random.one_in(2);
    plan.accepts_max = static_cast<std::uint32_t>(random.one_in(2) ? 1 : random.between(2, 4));
    plan.receive_buffer_bytes = small(random, 16, 1'000);
    plan.receive_buffers = small(random, 1, 15);
    plan.send_chunks = small(random, 1, 31);
    plan.callers = static_cast<std::uint32_t>(random.below(3));
    plan.callers_end_in_destroy = random.one_in(2);
    for (std::uint64_t left = random.between(1, 3); left > 0; --left) {
        plan.services.push_back(draw_service(random, plan.callers));
    }
    plan.peers = static_cast<std::uint32_t>(random.between(8, 14));
    plan.traffic_ns = 5 * ms + random.skewed(3'000 * ms);
    plan.settles = !random.one_in(3);
    plan.is_quiet_at_stop = random.one_in(2);
    plan.drain_ms = random.one_in(4) ? 0 : random.one_in(3) ? 2'000 : small(random, 1, 3'000);
    plan.faults = FaultMix::draw(random);
    plan.scheduler.switch_chance = static_cast<std::uint32_t>(256 + random.skewed(40'000));
    plan.scheduler.step_ns_max = 20 + static_cast<std::uint32_t>(random.skewed(5'000));
    plan.scheduler.steps_max = 1'000'000;
    draw_timing(plan, random.fork("timing"));
    draw_farewells(plan, random.fork("farewells"));
    draw_floods(plan, random.fork("floods"));
    draw_answers(plan, random.fork("answers"));
    plan.has_timers = random.fork("timers").one_in(2);
    draw_works(plan, random.fork("works"));
    draw_groups(plan, random.fork("groups"));
    plan.has_outbound = random.fork("outbound").one_in(3);
    plan.has_lookups = random.fork("lookups").one_in(3);
    plan.has_operator = random.fork("operator").one_in(4);
    Random ways = random.fork("ways to send");
    plan.other_ways = ways.one_in(3) ? 65'536U >> ways.below(4) : 0;
    // In some runs nothing but connections wakes a port. What comes late would hardly be seen
    // otherwise.
    if (random.fork("alone").one_in(8)) {
        plan.has_timers = plan.has_works = plan.has_groups = false;
        plan.has_outbound = plan.has_lookups = plan.has_operator = false;
    }
    return plan;
}

}  // namespace portico::sim
