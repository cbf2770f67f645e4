/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * sd_notify(3): a datagram to the socket that NOTIFY_SOCKET names. */
#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void notify_send(const char *message)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = path ? strlen(path) : 0;

	if (size < 2 || size >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, size);
	if (path[0] == '@') /* a name of no file system */
		address.sun_path[0] = '\0';
	int socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (socket_ < 0)
		return;
	sendto(socket_, message, strlen(message), MSG_NOSIGNAL, (const struct sockaddr *)&address,
	       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
	close(socket_);
}

static bool number_of(const char *name, uint64_t *number)
{
	const char *text = getenv(name);
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end;
}

uint64_t notify_watchdog(void)
{
	uint64_t microseconds, process;

	if (!number_of("WATCHDOG_USEC", &microseconds) || microseconds > UINT64_MAX / 1000)
		return 0;
	if (getenv("WATCHDOG_PID") && (!number_of("WATCHDOG_PID", &process) || process != (uint64_t)getpid()))
		return 0;
	return microseconds * 1000 / 2; /* sd_watchdog_enabled(3): half of the time */
}

bool notify_has_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	char *end;

	if (!stream || fstat(2, &status) < 0)
		return false;
	unsigned long long device = strtoull(stream, &end, 10);
	return *end == ':' && device == status.st_dev && strtoull(end + 1, NULL, 10) == status.st_ino;
}
