#include "plugin/executor_functions.hpp"

#include <new>

#include "net/connection_inline.hpp"
#include "net/reserved_post.hpp"
#include "plugin/call_scope.hpp"
#include "plugin/executor.hpp"
#include "plugin/instance_use.hpp"

namespace portico::plugin {

// A piece of work from run() to its `done`, in one allocation, so that nothing on its way can fail:
//
//     run -> executor -> work -> strand of the connection -> done, OK
//                                  | it is closing or gone
//                                  v
//                                strand of the instance   -> done, CLOSING
//
// It counts as a post of the instance, so that destroy waits for it.
//
// Concurrency: one thread at a time has it. The executor's mutex hands it to the helper thread, and
// a mailbox to the strand (release of the push, acquire of the taking): so `done` sees what the
// work wrote.
struct ExecutorFunctions {
    struct Task final : Executor::Work, net::ReservedPost {
        Instance* instance = nullptr;
        portico_connection whose = 0;  // 0: the instance's
        portico_work_function work = nullptr;
        portico_post_function done = nullptr;
        void* argument = nullptr;
    };

    static portico_status PORTICO_CALL run(portico_instance* handle, portico_connection connection,
                                           portico_work_function work, portico_post_function done,
                                           void* argument) noexcept {
        if (work == nullptr || done == nullptr) {
            return PORTICO_INVALID;
        }
        const InstanceUse instance(handle);
        if (instance.connections() == nullptr) {
            return PORTICO_GONE;
        }
        if (connection != 0) {
            // It may begin to close at any time after this; then `done` learns that.
            const auto found = instance.find(connection);
            if (found.connection == nullptr || found.connection->is_closing()) {
                return PORTICO_GONE;
            }
        }
        auto* task = new (std::nothrow) Task;
        if (task == nullptr) {
            return PORTICO_NO_MEMORY;
        }
        task->run = work_off;
        task->instance = &*instance;
        task->whose = connection;
        task->work = work;
        task->done = done;
        task->argument = argument;
        const portico_status status = give(*instance, *task);
        if (status != PORTICO_OK) {
            delete task;
        }
        return status;
    }

    // After PORTICO_OK the task is no longer the caller's.
    static portico_status give(Instance& instance, Task& task) noexcept {
        const portico_status begun = instance.begin_post();
        if (begun != PORTICO_OK) {
            return begun;
        }
        const Executor::Added added = instance.executor_.add(task);
        if (added == Executor::Added::added) {
            return PORTICO_OK;
        }
        instance.end_post();
        return added == Executor::Added::full ? PORTICO_LIMIT : PORTICO_UNSUPPORTED;
    }

    // On a helper thread.
    static void work_off(Executor::Work& work) noexcept {
        auto& task = static_cast<Task&>(work);
        Instance& instance = *task.instance;
        {
            const OffWorkerCall call(work_name, instance, task.whose);
            task.work(instance.self_, task.argument);
        }
        task.arrived = arrived_at_connection;
        const auto found = task.whose != 0 ? instance.connections_->find(task.whose)
                                           : net::ConnectionTable::Found{};
        if (found.connection == nullptr ||
            !found.connection->post_reserved(found.generation, task)) {
            post_to_instance(task);
        }
    }

    static void arrived_at_connection(net::ReservedPost& post, net::Connection& connection,
                                      bool is_closing) noexcept {
        auto& task = static_cast<Task&>(post);
        if (is_closing) {
            post_to_instance(task);
        } else {
            finish(task, &connection, PORTICO_OK);
        }
    }

    static void post_to_instance(Task& task) noexcept {
        task.deliver = [](net::Mail& mail) {
            auto& arrived = static_cast<Task&>(mail);
            const Instance& instance = *arrived.instance;
            net::Worker::current()->before_callback(*instance.context_);
            const bool is_closing = arrived.whose != 0 || instance.is_finishing();
            finish(arrived, nullptr, is_closing ? PORTICO_CLOSING : PORTICO_OK);
        };
        task.instance->strand_.deliver(task);
    }

    static void finish(Task& task, net::Connection* connection, portico_status status) noexcept {
        Instance& instance = *task.instance;
        {
            // (Without a connection this is none of its callbacks, so its handle is not named.)
            const CallScope scope(done_name, instance, connection,
                                  connection != nullptr ? task.whose : 0);
            task.done(instance.self_, task.whose,
                      connection != nullptr ? connection->state : nullptr, task.argument, status);
        }
        delete &task;
        instance.end_post();
    }

    [[nodiscard]] static const portico_executor& table() noexcept {
        static constexpr portico_executor executor{sizeof(portico_executor), 0, run};
        return executor;
    }
};

const portico_executor& executor_table() noexcept {
    return ExecutorFunctions::table();
}

}  // namespace portico::plugin
