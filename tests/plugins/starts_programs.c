/* starts_programs: starts a program for each message, and sends what it prints, then "end\n". A
 * message that begins with
 *   f  forks, and executes grep for the signals in /proc/self/status
 *   s  the same by posix_spawn
 *   d  forks, and executes ls on /proc/self/fd */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <portico/portico.h>

extern char** environ;

struct starts_programs {
    const portico_host* host;
    portico_instance* handle;
};

static char* const signals[] = {"grep", "^Sig[BIC]", "/proc/self/status", NULL};
static char* const descriptors[] = {"ls", "-l", "/proc/self/fd", NULL};

/* Returns the child's number, or -1. The child prints into `output`. */
static pid_t start(char how, int output) {
    char* const* arguments = how == 'd' ? descriptors : signals;
    if (how == 's') {
        pid_t child = -1;
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        const int error = posix_spawnp(&child, arguments[0], &actions, NULL, arguments, environ);
        posix_spawn_file_actions_destroy(&actions);
        return error == 0 ? child : -1;
    }
    const pid_t child = fork();
    if (child == 0) {
        dup2(output, STDOUT_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    return child;
}

static portico_status PORTICO_CALL create(const portico_setup* setup, void** self) {
    struct starts_programs* made = malloc(sizeof *made);
    if (made == NULL) return PORTICO_NO_MEMORY;
    *made = (struct starts_programs){setup->host, setup->instance};
    *self = made;
    return PORTICO_OK;
}

static void PORTICO_CALL destroy(void* self) {
    free(self);
}

static portico_status PORTICO_CALL on_data(void* self, portico_connection connection, void* state,
                                           const uint8_t* data, uint64_t size,
                                           const portico_frame* frame, uint64_t* consumed) {
    struct starts_programs* plugin = self;
    (void)state, (void)frame;
    int ends[2];
    if (pipe(ends) != 0) return PORTICO_ERROR;
    const pid_t child = start((char)data[0], ends[1]);
    close(ends[1]);
    char text[4096];
    ssize_t got = 0;
    while (child > 0 && (got = read(ends[0], text, sizeof text)) > 0) {
        (void)plugin->host->send(plugin->handle, connection, (const uint8_t*)text, (uint64_t)got);
    }
    close(ends[0]);
    if (child > 0) waitpid(child, NULL, 0);
    *consumed = size;
    return plugin->host->send(plugin->handle, connection, (const uint8_t*)"end\n", 4);
}

static const portico_callbacks callbacks = {
    .struct_size = sizeof(portico_callbacks),
    .on_data = on_data,
};
static const portico_plugin starts_programs = {
    .struct_size = sizeof(portico_plugin),
    .abi_major = PORTICO_ABI_MAJOR,
    .abi_minor = PORTICO_ABI_MINOR,
    .abi_required = PORTICO_ABI_MINOR,
    .name = "starts_programs",
    .name_size = sizeof "starts_programs" - 1,
    .version = "",
    .create = create,
    .destroy = destroy,
    .callbacks = &callbacks,
};
PORTICO_PLUGIN_ENTRY(starts_programs)
