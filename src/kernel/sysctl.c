/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Settings under /proc/sys/net: others are none of weir's. */
#include "kernel/sysctl.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_MAX 256

static int path_of(const char *name, char path[PATH_MAX])
{
	size_t at;

	if (strncmp(name, "net.", 4) != 0 || strstr(name, ".."))
		return -EINVAL;
	int size = snprintf(path, PATH_MAX, "/proc/sys/%s", name);
	if (size < 0 || size >= PATH_MAX)
		return -EINVAL;
	for (at = strlen("/proc/sys/"); path[at]; at++) {
		if (path[at] == '.')
			path[at] = '/';
		else if (path[at] == '/')
			path[at] = '.'; /* as sysctl(8): net.ipv4.conf.eth0/1 is the interface eth0.1 */
		else if (!isalnum((unsigned char)path[at]) && path[at] != '_' && path[at] != '-')
			return -EINVAL;
	}
	return 0;
}

int sysctl_read(struct arena *arena, const char *name, const char **value)
{
	char path[PATH_MAX], text[VALUE_MAX];
	int error = path_of(name, path), file;
	ssize_t size;

	if (error)
		return error;
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	size = read(file, text, sizeof(text));
	error = size < 0 ? -errno : size == sizeof(text) ? -EFBIG : 0;
	close(file);
	if (error)
		return error;
	while (size > 0 && text[size - 1] == '\n')
		size--;
	char *copy = arena_copy(arena, text, (size_t)size);
	if (!copy)
		return -ENOMEM;
	*value = copy;
	return 0;
}

int sysctl_write(const char *name, const char *value)
{
	char path[PATH_MAX];
	int error = path_of(name, path), file;
	ssize_t size;

	if (error)
		return error;
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return -errno;
	size = write(file, value, strlen(value)); /* one call: the kernel takes it whole */
	error = size < 0 ? -errno : (size_t)size != strlen(value) ? -EIO : 0;
	close(file);
	return error;
}

void sysctls_print(const struct sysctls *sysctls, struct buffer *out)
{
	for (size_t i = 0; i < sysctls->count; i++)
		buffer_printf(out, "%s\t%s\t%s\n", sysctls->list[i].name,
			      sysctls->list[i].first ? sysctls->list[i].first : "", sysctls->list[i].value);
}

static const char *field(struct arena *arena, struct text *rest, char until)
{
	const char *end = memchr(rest->data, until, rest->size);
	size_t size = end ? (size_t)(end - rest->data) : 0;
	char *copy = end ? arena_copy(arena, rest->data, size) : NULL;

	if (copy)
		*rest = (struct text){end + 1, rest->size - size - 1};
	return copy;
}

int sysctls_parse(struct arena *arena, struct text text, struct sysctls *sysctls)
{
	while (text.size) {
		struct sysctl *sysctl = arena_push(arena, (void **)&sysctls->list, &sysctls->count,
						   &sysctls->capacity, sizeof(*sysctl));
		if (!sysctl)
			return -ENOMEM;
		sysctl->name = field(arena, &text, '\t');
		sysctl->first = sysctl->name ? field(arena, &text, '\t') : NULL;
		sysctl->value = sysctl->first ? field(arena, &text, '\n') : NULL;
		if (!sysctl->value)
			return -EBADMSG;
	}
	return 0;
}

static const struct sysctl *find(const struct sysctls *sysctls, const char *name)
{
	for (size_t i = 0; i < sysctls->count; i++)
		if (strcmp(sysctls->list[i].name, name) == 0)
			return &sysctls->list[i];
	return NULL;
}

int sysctls_remember(struct arena *arena, const struct sysctls *now, struct sysctls *next, struct buffer *why)
{
	for (size_t i = 0; i < next->count; i++) {
		struct sysctl *sysctl = &next->list[i];
		const struct sysctl *before = find(now, sysctl->name);
		int error = 0;

		if (before)
			sysctl->first = before->first;
		else
			error = sysctl_read(arena, sysctl->name, &sysctl->first);
		if (error) {
			buffer_printf(why, "%s: %s", sysctl->name,
				      error == -ENOENT ? "the kernel has no such setting here"
						       : strerror(-error));
			return error;
		}
	}
	return 0;
}

struct step {
	const char *name, *value;
};

/* Some of conntrack's are the host's: elsewhere they can only be read. */
static bool is_read_only(const char *name)
{
	char path[PATH_MAX];
	struct stat status;

	return path_of(name, path) == 0 && stat(path, &status) == 0 && !(status.st_mode & 0222);
}

static void say(const struct step *step, int error, struct buffer *why)
{
	const char *words = strerror(-error);

	if (error == -ENOENT)
		words = "the kernel has no such setting here";
	else if ((error == -EACCES || error == -EPERM || error == -EROFS) && is_read_only(step->name))
		words = "can be set only in the host's first network namespace, and is one value for all";
	buffer_printf(why, "%s%s = %s: %s", why->size ? "; " : "", step->name, step->value, words);
}

/* A setting whose module is gone has no value, and nothing to be put back: it is told and left. */
static int take_step(struct arena *arena, struct step step, struct step *back, struct buffer *why)
{
	const char *there;
	int error = sysctl_read(arena, step.name, &there);

	*back = (struct step){step.name, there};
	if (error == -ENOENT) {
		say(&step, error, why);
		buffer_puts(why, " any more: skipped");
		back->name = NULL;
		return 0;
	}
	if (!error && strcmp(there, step.value) == 0)
		back->name = NULL; /* nothing to be undone */
	else if (!error)
		error = sysctl_write(step.name, step.value);
	if (error)
		say(&step, error, why);
	return error;
}

int sysctls_switch(const struct sysctls *now, const struct sysctls *next, struct buffer *why)
{
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct step *back = arena ? arena_array(arena, now->count + next->count + 1, sizeof(*back)) : NULL;
	size_t count = 0;
	int error = 0;

	if (!back)
		return -ENOMEM;
	for (size_t i = 0; i < next->count && !error; i++)
		error = take_step(arena, (struct step){next->list[i].name, next->list[i].value},
				  &back[count++], why);
	for (size_t i = 0; i < now->count && !error; i++)
		if (!find(next, now->list[i].name))
			error = take_step(arena, (struct step){now->list[i].name, now->list[i].first},
					  &back[count++], why);
	for (size_t i = error ? count - 1 : 0; i > 0; i--)
		if (back[i - 1].name)
			sysctl_write(back[i - 1].name, back[i - 1].value);
	return error;
}
