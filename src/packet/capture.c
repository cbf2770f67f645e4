/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Captured traffic in files, by libpcap. Times are kept in nanoseconds both ways. A damaged file is an error
 * where it is damaged: what was read before stays valid, and nothing is taken for the end that is not. */
#include "packet/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct capture {
	pcap_t *pcap;
	int link_type;
	off_t size; /* 0: not a regular file */
};

int capture_open(const char *path, struct capture **capture, struct buffer *reason)
{
	char message[PCAP_ERRBUF_SIZE] = "";
	bool standard_input = strcmp(path, "-") == 0;
	struct stat status;
	FILE *file = standard_input ? stdin : fopen(path, "re");
	int result = 0;
	if (!file || fstat(fileno(file), &status) != 0)
		result = -errno;
	else if (S_ISDIR(status.st_mode))
		result = -EISDIR;
	if (result) {
		buffer_puts(reason, strerror(-result));
		if (file && !standard_input)
			fclose(file);
		return result;
	}
	struct capture *fresh = calloc(1, sizeof(*fresh));
	if (fresh)
		fresh->pcap =
		    pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, message);
	if (!fresh || !fresh->pcap) {
		buffer_puts(reason, fresh ? message : strerror(ENOMEM));
		result = fresh ? -EINVAL : -ENOMEM;
		free(fresh);
		if (!standard_input)
			fclose(file);
		return result;
	}
	fresh->link_type = pcap_datalink(fresh->pcap);
	fresh->size = S_ISREG(status.st_mode) ? status.st_size : 0;
	*capture = fresh;
	return 0;
}

void capture_close(struct capture *capture)
{
	pcap_close(capture->pcap); /* closes the file too, but not standard input */
	free(capture);
}

int capture_next(struct capture *capture, struct capture_frame *frame, struct buffer *reason)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int result = pcap_next_ex(capture->pcap, &header, &data);
	if (result == PCAP_ERROR_BREAK)
		return 0;
	if (result != 1) {
		buffer_puts(reason, pcap_geterr(capture->pcap));
		return -EINVAL;
	}
	*frame = (struct capture_frame){
	    .link_type = capture->link_type,
	    .data = data,
	    .captured = header->caplen,
	    .original = header->len,
	    /* The microseconds' field holds nanoseconds at this precision. */
	    .time = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec,
	};
	return 1;
}

double capture_progress(const struct capture *capture)
{
	if (capture->size == 0)
		return -1;
	off_t at = ftello(pcap_file(capture->pcap));
	return at < 0 ? -1 : (double)at / (double)capture->size;
}

/* --- writing
 * --------------------------------------------------------------------------------------------------- */

struct capture_writer {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	char *path, *temporary;
};

/* A file of mode 0666 less the umask, which mkstemp() would not give. */
static FILE *open_temporary(const char *path, char **name)
{
	for (unsigned attempt = 0; attempt < 100; attempt++) {
		char *candidate = NULL;
		if (asprintf(&candidate, "%s.%ld-%u.tmp", path, (long)getpid(), attempt) < 0) {
			errno = ENOMEM;
			return NULL;
		}
		int fd = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
		FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
		if (file) {
			*name = candidate;
			return file;
		}
		int error = errno;
		if (fd >= 0) {
			close(fd);
			unlink(candidate);
		}
		free(candidate);
		errno = error;
		if (error != EEXIST)
			return NULL;
	}
	return NULL;
}

int capture_writer_open(const struct capture *like, const char *path, struct capture_writer **writer,
			struct buffer *reason)
{
	struct capture_writer *fresh = calloc(1, sizeof(*fresh));
	int result = -ENOMEM;
	struct stat status;
	if (!fresh)
		goto fail;
	/* It takes the place of what is there in the end: of a file, never of a device or a link. */
	if (lstat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		buffer_puts(reason, "exists and is no regular file: it is not replaced");
		capture_writer_close(fresh);
		return -EEXIST;
	}
	fresh->path = strdup(path);
	fresh->pcap =
	    pcap_open_dead_with_tstamp_precision(like->link_type, 262144, PCAP_TSTAMP_PRECISION_NANO);
	if (!fresh->path || !fresh->pcap)
		goto fail;
	FILE *file = open_temporary(path, &fresh->temporary);
	if (!file) {
		result = -errno;
		goto fail;
	}
	fresh->dumper = pcap_dump_fopen(fresh->pcap, file);
	if (!fresh->dumper) {
		buffer_puts(reason, pcap_geterr(fresh->pcap));
		fclose(file);
		capture_writer_close(fresh);
		return -EINVAL;
	}
	*writer = fresh;
	return 0;
fail:
	buffer_puts(reason, strerror(-result));
	if (fresh)
		capture_writer_close(fresh);
	return result;
}

int capture_writer_add(struct capture_writer *writer, const struct capture_frame *frame)
{
	struct pcap_pkthdr header = {
	    .caplen = (bpf_u_int32)frame->captured,
	    .len = (bpf_u_int32)frame->original,
	};
	header.ts.tv_sec = (time_t)(frame->time / 1000000000u);
	header.ts.tv_usec = (suseconds_t)(frame->time % 1000000000u);
	pcap_dump((u_char *)writer->dumper, &header, frame->data);
	return ferror(pcap_dump_file(writer->dumper)) ? -EIO : 0;
}

int capture_writer_commit(struct capture_writer *writer)
{
	FILE *file = pcap_dump_file(writer->dumper);
	if (pcap_dump_flush(writer->dumper) != 0 || fsync(fileno(file)) != 0)
		return errno ? -errno : -EIO;
	if (ferror(file))
		return -EIO;
	if (rename(writer->temporary, writer->path) != 0)
		return -errno;
	free(writer->temporary);
	writer->temporary = NULL;
	return 0;
}

void capture_writer_close(struct capture_writer *writer)
{
	if (writer->dumper)
		pcap_dump_close(writer->dumper);
	if (writer->pcap)
		pcap_close(writer->pcap);
	if (writer->temporary)
		unlink(writer->temporary);
	free(writer->temporary);
	free(writer->path);
	free(writer);
}
