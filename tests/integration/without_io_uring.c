// Runs a program without io_uring: its three calls fail with the given error, as a container's
// seccomp profile makes them fail.
//
//     without_io_uring EPERM|ENOSYS COMMAND [ARGUMENT...]
#define _POSIX_C_SOURCE 200809L  // execvp
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
    int error = 0;
    if (argc >= 3 && strcmp(argv[1], "EPERM") == 0) {
        error = EPERM;
    } else if (argc >= 3 && strcmp(argv[1], "ENOSYS") == 0) {
        error = ENOSYS;
    } else {
        fputs("usage: without_io_uring EPERM|ENOSYS COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    // The numbers of the three are consecutive, and the same on every architecture.
    _Static_assert(SYS_io_uring_setup + 1 == SYS_io_uring_enter &&
                       SYS_io_uring_enter + 1 == SYS_io_uring_register,
                   "not consecutive");
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_io_uring_setup, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, SYS_io_uring_register, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("without_io_uring: seccomp");
        return 77;  // tells ctest to skip the test
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
