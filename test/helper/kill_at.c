/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * kill_at N COMMAND...: runs the command and kills it (SIGKILL) as it enters its N-th call of bpf(2),
 * sendto(2), mmap(2) or munmap(2) after it took a lock with flock(2); with "files" before N, of those that
 * change files, and sendto(2). What was done by then is what a kill between two steps leaves. Exit 0: killed
 * there. Exit 1: the command ended before. Exit 2: could not run it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int files;

static int counts(unsigned long call)
{
	if (files)
		return call == __NR_sendto || call == __NR_fsync || call == __NR_renameat ||
		       call == __NR_unlinkat || call == __NR_mkdirat || call == __NR_clone;
	return call == __NR_bpf || call == __NR_sendto || call == __NR_mmap || call == __NR_munmap;
}

/* Follows the child up to the N-th call. */
static int follow(pid_t child, long wanted)
{
	struct __ptrace_syscall_info info;
	int status, locked = 0, signal_number = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, child, NULL, (void *)(long)signal_number) ||
		    waitpid(child, &status, 0) < 0)
			return 2;
		signal_number = 0;
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return 1;
		if (!WIFSTOPPED(status))
			continue;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
			signal_number = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
			continue;
		}
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) < 0)
			return 2;
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
			continue;
		if (info.entry.nr == __NR_flock)
			locked = 1;
		if (!locked || !counts(info.entry.nr) || --wanted > 0)
			continue;
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		return 0;
	}
}

int main(int argc, char **argv)
{
	pid_t child;
	int status;

	files = argc > 1 && strcmp(argv[1], "files") == 0;
	argc -= files;
	argv += files;
	if (argc < 3)
		return 2;
	child = fork();
	if (!child) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
			_exit(2);
		execvp(argv[2], argv + 2);
		_exit(2);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 ||
	    ptrace(PTRACE_SETOPTIONS, child, NULL,
		   (void *)(long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL))) {
		perror("kill_at");
		return 2;
	}
	return follow(child, atol(argv[1]));
}
