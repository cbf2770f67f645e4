/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/run_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAUSE 50 /* ms */

int run_lock(const char *name, unsigned wait)
{
	int directory, file, error = 0;

	if (mkdir(RUN_DIRECTORY, 0700) < 0 && errno != EEXIST)
		return -errno;
	directory = open(RUN_DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	file = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file < 0)
		error = -errno;
	close(directory);
	for (unsigned waited = 0; !error && flock(file, LOCK_EX | LOCK_NB) < 0; waited += PAUSE) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			error = -errno;
		else if (waited >= wait)
			error = -EAGAIN;
		else
			usleep(PAUSE * 1000);
	}
	if (error && file >= 0)
		close(file);
	return error ? error : file;
}
