/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "read/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ERRORS_MAX 4096

static bool program_in(const char *directory, size_t size, const char *name, char path[PATH_MAX])
{
	if (size == 0 ||
	    directory[0] != '/') /* an empty or relative entry would look where the user happens to be */
		return false;
	int length = snprintf(path, PATH_MAX, "%.*s/%s", (int)size, directory, name);
	struct stat status;
	return length > 0 && length < PATH_MAX && stat(path, &status) == 0 && S_ISREG(status.st_mode) &&
	       access(path, X_OK) == 0;
}

static bool program_find(const char *name, char path[PATH_MAX])
{
	const char *const places[] = {getenv("PATH"), "/usr/local/sbin:/usr/sbin:/sbin"};
	for (size_t i = 0; i < 2; i++)
		for (const char *at = places[i]; at;) {
			const char *colon = strchr(at, ':');
			if (program_in(at, colon ? (size_t)(colon - at) : strlen(at), name, path))
				return true;
			at = colon ? colon + 1 : NULL;
		}
	return false;
}

/* The environment with LC_ALL=C. Borrowed strings, an array to be freed. */
static char **environment_c(void)
{
	static char locale[] = "LC_ALL=C";
	size_t count = 0, kept = 0;
	while (environ && environ[count])
		count++;
	char **copy = calloc(count + 2, sizeof(*copy));
	if (!copy)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], "LC_ALL=", 7) != 0)
			copy[kept++] = environ[i];
	copy[kept] = locale;
	return copy;
}

static int spawn(const char *path, const char *const *arguments, int input, int output, int errors,
		 pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int result = posix_spawn_file_actions_init(&actions);
	if (result)
		return -result;
	char **environment = environment_c();
	result = !environment ? ENOMEM
		 : input < 0  ? posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
			      : posix_spawn_file_actions_adddup2(&actions, input, 0);
	if (!result)
		result = posix_spawn_file_actions_adddup2(&actions, output, 1);
	if (!result)
		result = posix_spawn_file_actions_adddup2(&actions, errors, 2);
	if (!result)
		result = posix_spawn(pid, path, &actions, NULL, (char *const *)arguments, environment);
	free(environment);
	posix_spawn_file_actions_destroy(&actions);
	return -result;
}

/* Reads what is there; false at the end of the pipe. */
static bool drain(int fd, struct buffer *buffer, size_t limit, bool *over)
{
	char chunk[65536];
	ssize_t got = read(fd, chunk, sizeof(chunk));
	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	size_t room = limit - buffer->size, size = (size_t)got;
	*over |= size > room;
	buffer_add(buffer, chunk, size < room ? size : room);
	return got > 0;
}

static int64_t milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* errors: -1 when there are none. */
static int collect(int output, int errors, unsigned seconds, size_t limit, struct program_result *result)
{
	struct pollfd fds[2] = {{output, POLLIN, 0}, {errors, POLLIN, 0}};
	bool ignored = false;
	int64_t end = milliseconds() + (int64_t)seconds * 1000;
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		bool over = false;
		int64_t left = seconds ? end - milliseconds() : -1;
		if (seconds && left <= 0)
			return -ETIMEDOUT;
		int ready = poll(fds, 2, left > INT_MAX ? INT_MAX : (int)left);
		if (ready < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (fds[0].revents && !drain(output, &result->output, limit, &over))
			fds[0].fd = -1;
		if (fds[1].revents && !drain(errors, &result->errors, ERRORS_MAX, &ignored))
			fds[1].fd = -1;
		if (over)
			return -EFBIG;
		if (result->output.failed || result->errors.failed)
			return -ENOMEM;
	}
	return 0;
}

static int reap(pid_t pid, int *status)
{
	int code;
	while (waitpid(pid, &code, 0) < 0)
		if (errno != EINTR)
			return -errno;
	*status = WIFEXITED(code) ? WEXITSTATUS(code) : 128 + WTERMSIG(code);
	return 0;
}

int program_run(const char *const *arguments, size_t limit, struct program_result *result)
{
	return program_run_with(arguments, -1, 0, limit, result);
}

int program_run_with(const char *const *arguments, int input, unsigned seconds, size_t limit,
		     struct program_result *result)
{
	char path[PATH_MAX];
	int output[2], errors[2];
	pid_t pid = 0;
	*result = (struct program_result){0};
	if (!program_find(arguments[0], path))
		return -ENOENT;
	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(errors, O_CLOEXEC) < 0) {
		int error = -errno;
		close(output[0]);
		close(output[1]);
		return error;
	}
	int status = spawn(path, arguments, input, output[1], errors[1], &pid);
	close(output[1]);
	close(errors[1]);
	if (status == 0) {
		status = collect(output[0], errors[0], seconds, limit, result);
		if (status < 0)
			kill(pid, SIGKILL);
		int reaped = reap(pid, &result->status);
		if (status == 0)
			status = reaped;
	}
	close(output[0]);
	close(errors[0]);
	return status;
}

int program_fork(int (*function)(void *context, int output), void *context, unsigned seconds, size_t limit,
		 struct program_result *result)
{
	int output[2];
	*result = (struct program_result){0};
	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0); /* what it runs is killed with it */
		close(output[0]);
		/* The child ends, not the program: nothing of the parent's is to be run or flushed. */
		syscall(SYS_exit_group, function(context, output[1]) & 0xff);
	}
	int status = pid < 0 ? -errno : 0;
	close(output[1]);
	if (status == 0) {
		setpgid(pid, pid);
		status = collect(output[0], -1, seconds, limit, result);
		if (status < 0)
			kill(-pid, SIGKILL);
		int reaped = reap(pid, &result->status);
		if (status == 0)
			status = reaped;
	}
	close(output[0]);
	return status;
}

static bool write_file(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);

	if (file >= 0)
		close(file);
	return done;
}

/* What this process runs may set up the network, too, whoever it is: in its own namespace. */
static int hand_on_capability(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	data[0].inheritable |= 1u << CAP_NET_ADMIN;
	if (syscall(SYS_capset, &header, data) < 0 ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0)
		return -errno;
	return 0;
}

/* It is root in a namespace of users where it may say so; root with few capabilities may not (CAP_SETFCAP,
 * user_namespaces(7)), and is nobody there. */
int program_own_network(void)
{
	unsigned user = geteuid(), group = getegid();
	char map[64];

	if (unshare(CLONE_NEWNET) == 0)
		return 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "0 %u 1\n", user);
	if (write_file("/proc/self/uid_map", map)) {
		snprintf(map, sizeof(map), "0 %u 1\n", group);
		write_file("/proc/self/gid_map", map);
	}
	return hand_on_capability();
}

void program_result_fini(struct program_result *result)
{
	buffer_fini(&result->output);
	buffer_fini(&result->errors);
}
