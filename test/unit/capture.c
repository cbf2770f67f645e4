/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Captures written and read back; damaged and foreign files refused in words; a writer that is not committed
 * leaves no file. */
#include "packet/capture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <errno.h>

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
	FILE *file = fopen(in_folder(name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
}

/* Two frames of 4 and 3 bytes, the second cut by the snapshot length; nanoseconds; Ethernet. */
static const uint32_t two_frames[] = {
    0xa1b23c4d, 0x00040002, 0, 0, 65535, 1, 1000, 5, 4, 4, 0x64636261, 1001, 999999999, 3, 60, 0x00676665,
};
#define TWO_FRAMES_SIZE (sizeof(two_frames) - 1)

static unsigned files_in_folder(void)
{
	unsigned count = 0;
	DIR *directory = opendir(folder);
	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

static void frames_come_with_lengths_and_times(void **state)
{
	(void)state;
	struct capture *capture;
	struct capture_frame frame;
	struct buffer reason = {0};
	write_file("two.pcap", two_frames, TWO_FRAMES_SIZE);
	assert_int_equal(capture_open(in_folder("two.pcap"), &capture, &reason), 0);
	assert_int_equal(capture_next(capture, &frame, &reason), 1);
	assert_int_equal(frame.link_type, 1);
	assert_int_equal(frame.captured, 4);
	assert_memory_equal(frame.data, "abcd", 4);
	assert_int_equal(frame.time, 1000000000005u);
	assert_int_equal(capture_next(capture, &frame, &reason), 1);
	assert_int_equal(frame.captured, 3);
	assert_int_equal(frame.original, 60);
	assert_int_equal(frame.time, 1001999999999u);
	assert_int_equal(capture_next(capture, &frame, &reason), 0);
	assert_true(capture_progress(capture) > 0.99);
	capture_close(capture);
	unlink(in_folder("two.pcap"));
}

static void damage_is_told(void **state)
{
	(void)state;
	struct capture *capture;
	struct capture_frame frame;
	struct buffer reason = {0};
	write_file("cut.pcap", two_frames, TWO_FRAMES_SIZE - 2);
	assert_int_equal(capture_open(in_folder("cut.pcap"), &capture, &reason), 0);
	assert_int_equal(capture_next(capture, &frame, &reason), 1);
	assert_true(capture_next(capture, &frame, &reason) < 0);
	assert_true(reason.size > 0);
	capture_close(capture);
	buffer_fini(&reason);
	unlink(in_folder("cut.pcap"));

	write_file("text", "*filter\nCOMMIT\n", 15);
	reason = (struct buffer){0};
	assert_int_not_equal(capture_open(in_folder("text"), &capture, &reason), 0);
	assert_true(reason.size > 0);
	buffer_fini(&reason);
	unlink(in_folder("text"));
	reason = (struct buffer){0};
	assert_int_not_equal(capture_open(in_folder("absent"), &capture, &reason), 0);
	assert_non_null(strstr(reason.data, "No such file"));
	buffer_fini(&reason);
	reason = (struct buffer){0};
	assert_int_not_equal(capture_open(folder, &capture, &reason), 0);
	buffer_fini(&reason);
}

static void a_written_capture_is_the_same_again(void **state)
{
	(void)state;
	struct capture *capture;
	struct capture_writer *writer;
	struct capture_frame frame;
	struct buffer reason = {0};
	char copy[128];
	write_file("two.pcap", two_frames, TWO_FRAMES_SIZE);
	assert_int_equal(capture_open(in_folder("two.pcap"), &capture, &reason), 0);
	snprintf(copy, sizeof(copy), "%s", in_folder("copy.pcap"));
	assert_int_equal(capture_writer_open(capture, copy, &writer, &reason), 0);
	while (capture_next(capture, &frame, &reason) == 1)
		assert_int_equal(capture_writer_add(writer, &frame), 0);
	assert_int_not_equal(access(copy, F_OK), 0);
	assert_int_equal(capture_writer_commit(writer), 0);
	capture_writer_close(writer);
	capture_close(capture);
	FILE *file = fopen(copy, "r");
	uint8_t data[sizeof(two_frames)];
	assert_non_null(file);
	assert_int_equal(fread(data, 1, sizeof(data), file), TWO_FRAMES_SIZE);
	fclose(file);
	/* Behind the header, whose snapshot length is the writer's. */
	assert_memory_equal(data + 24, (const uint8_t *)two_frames + 24, TWO_FRAMES_SIZE - 24);
	unlink(copy);
	unlink(in_folder("two.pcap"));
}

static void what_is_not_committed_leaves_nothing(void **state)
{
	(void)state;
	struct capture *capture;
	struct capture_writer *writer;
	struct capture_frame frame;
	struct buffer reason = {0};
	write_file("two.pcap", two_frames, TWO_FRAMES_SIZE);
	assert_int_equal(capture_open(in_folder("two.pcap"), &capture, &reason), 0);
	assert_int_equal(capture_writer_open(capture, in_folder("copy.pcap"), &writer, &reason), 0);
	assert_int_equal(files_in_folder(), 2);
	assert_int_equal(capture_next(capture, &frame, &reason), 1);
	assert_int_equal(capture_writer_add(writer, &frame), 0);
	capture_writer_close(writer);
	assert_int_equal(files_in_folder(), 1);
	/* What is no file is not replaced by one. */
	assert_int_equal(symlink("elsewhere", in_folder("link.pcap")), 0);
	assert_int_equal(capture_writer_open(capture, in_folder("link.pcap"), &writer, &reason), -EEXIST);
	unlink(in_folder("link.pcap"));
	assert_int_equal(capture_writer_open(capture, "/dev/null", &writer, &reason), -EEXIST);
	assert_int_not_equal(capture_writer_open(capture, in_folder("absent/copy.pcap"), &writer, &reason),
			     0);
	assert_true(reason.size > 0);
	buffer_fini(&reason);
	capture_close(capture);
	unlink(in_folder("two.pcap"));
}

static int make_folder(void **state)
{
	(void)state;
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%.40s/weir-captureXXXXXX", base ? base : "/tmp");
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_come_with_lengths_and_times),
	    cmocka_unit_test(damage_is_told),
	    cmocka_unit_test(a_written_capture_is_the_same_again),
	    cmocka_unit_test(what_is_not_committed_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
