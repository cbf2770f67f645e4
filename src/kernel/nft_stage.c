/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The namespace belongs to one thread (unshare(2) of a network namespace holds for the calling thread alone)
 * and to what it starts. It goes away with the thread. */
#include "kernel/nft_stage.h"
#include "read/program.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define OUTPUT_MAX (1u << 20)

struct stage {
	struct text script;
	struct nft_image **image;
	struct buffer *why;
	int error;
};

static int write_script(struct text script, int *file)
{
	*file = memfd_create("weir.nft", 0); /* nft opens it by its name under /proc/self/fd */
	if (*file < 0)
		return -errno;
	for (size_t at = 0; at < script.size;) {
		ssize_t done = write(*file, script.data + at, script.size - at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			int error = done < 0 ? -errno : -EIO;
			close(*file);
			return error;
		}
		at += (size_t)done;
	}
	return 0;
}

static int load(struct stage *stage)
{
	struct program_result result = {0};
	char path[32];
	int file, error = write_script(stage->script, &file);

	if (error) {
		buffer_printf(stage->why, "cannot keep the script in memory: %s", strerror(-error));
		return error;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	const char *arguments[] = {"nft", "-f", path, NULL};
	error = program_run(arguments, OUTPUT_MAX, &result);
	close(file);
	if (error == -ENOENT) {
		buffer_puts(stage->why, "there is no nft program: install nftables");
	} else if (error) {
		buffer_printf(stage->why, "cannot run nft: %s", strerror(-error));
	} else if (result.status) {
		buffer_printf(stage->why, "nft does not take the script: %.*s", (int)result.errors.size,
			      result.errors.data ? result.errors.data : "");
		error = -EINVAL;
	}
	program_result_fini(&result);
	return error;
}

static void *run(void *context)
{
	struct stage *stage = context;

	if (unshare(CLONE_NEWNET) < 0) {
		stage->error = -errno;
		buffer_printf(stage->why, "cannot make a network namespace to try the rules in: %s%s",
			      strerror(errno), errno == EPERM ? "; weir needs root (CAP_SYS_ADMIN)" : "");
		return NULL;
	}
	stage->error = load(stage);
	if (!stage->error)
		stage->error = nft_image_read(stage->image, stage->why);
	return NULL;
}

int nft_stage(struct text script, struct nft_image **image, struct buffer *why)
{
	struct stage stage = {.script = script, .image = image, .why = why};
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, &stage);

	if (error) {
		buffer_printf(why, "cannot start a thread: %s", strerror(error));
		return -error;
	}
	pthread_join(thread, NULL);
	return stage.error;
}
