// SPDX-License-Identifier: GPL-2.0-or-later
/* The user-space side of inject.bpf.c. */
#include "observe/inject.h"

#include "inject.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct injector {
	struct inject_bpf *skeleton;
	unsigned receiving;
	uint32_t first_length;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

/* The value of the map: u32 length, then `room` bytes. */
static int frames_fill(int map, const struct frames *frames, size_t value_size)
{
	uint8_t *value = calloc(1, value_size);
	int error = 0;

	if (!value)
		return -ENOMEM;
	for (uint32_t i = 0; i < frames->count && !error; i++) {
		const struct frame *frame = &frames->frames[i];

		memcpy(value, &frame->length, sizeof(frame->length));
		memcpy(value + sizeof(frame->length), frame->bytes, frame->length);
		if (bpf_map_update_elem(map, &i, value, BPF_ANY))
			error = -errno;
	}
	free(value);
	return error;
}

static int injector_load(struct injector *injector, const struct frames *frames, uint32_t room,
			 unsigned through)
{
	size_t value_size = (sizeof(uint32_t) + room + 7) & ~(size_t)7;
	struct inject_bpf *skeleton = inject_bpf__open();
	int error;

	if (!skeleton)
		return -errno;
	injector->skeleton = skeleton;
	skeleton->rodata->room = room;
	skeleton->rodata->count = (uint32_t)frames->count;
	skeleton->rodata->through = through;
	error = bpf_map__set_value_size(skeleton->maps.frames, (uint32_t)value_size);
	if (!error)
		error = bpf_map__set_max_entries(skeleton->maps.frames, (uint32_t)frames->count);
	if (!error)
		error = inject_bpf__load(skeleton);
	if (!error)
		error = frames_fill(bpf_map__fd(skeleton->maps.frames), frames, value_size);
	return error;
}

int injector_new(const struct frames *frames, unsigned receiving, unsigned through,
		 struct injector **injector)
{
	__attribute__((cleanup(injector_cleanup))) struct injector *made = NULL;
	libbpf_print_fn_t before;
	uint32_t room = 64;
	int error;

	if (!frames->count || frames->count > FRAMES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < frames->count; i++) {
		if (frames->frames[i].length > FRAME_BYTES_MAX)
			return -EINVAL;
		if (frames->frames[i].length > room)
			room = frames->frames[i].length;
	}
	made = calloc(1, sizeof(*made));
	if (!made)
		return -ENOMEM;
	made->receiving = receiving;
	made->first_length = frames->frames[0].length;
	before = libbpf_set_print(quiet);
	error = injector_load(made, frames, room, through);
	libbpf_set_print(before);
	if (error)
		return error;
	*injector = made;
	made = NULL;
	return 0;
}

void injector_free(struct injector *injector)
{
	if (!injector)
		return;
	inject_bpf__destroy(injector->skeleton);
	free(injector);
}

int injector_run(struct injector *injector, uint32_t packets, double *nanoseconds)
{
	/* The length at the start does not matter: the program gives each frame its own. */
	uint8_t data[FRAME_BYTES_MAX] = {0};
	struct xdp_md context = {.ingress_ifindex = injector->receiving, .data_end = injector->first_length};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = injector->first_length,
		    .ctx_in = &context, .ctx_size_in = sizeof(context), .repeat = (int)packets,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
	int error;

	if (!packets || packets > INT32_MAX)
		return -EINVAL;
	injector->skeleton->bss->next = 0;
	injector->skeleton->bss->failures = 0;
	do
		error = bpf_prog_test_run_opts(bpf_program__fd(injector->skeleton->progs.inject), &options);
	while (error == -EINTR);
	if (error == -EINVAL)
		return -ENOTSUP;
	if (error)
		return error;
	if (injector->skeleton->bss->failures)
		return -EIO;
	*nanoseconds = options.duration;
	return 0;
}

int injector_program(const struct injector *injector, enum injector_program program)
{
	return bpf_program__fd(program == INJECTOR_DISCARD ? injector->skeleton->progs.discard
							   : injector->skeleton->progs.pass);
}
