#!/usr/bin/perl
# SPDX-License-Identifier: LGPL-2.1-or-later OR MIT
# man.pl USERLIB: holds the manual pages against the headers, the symbol map, and mandoc.
#
# Public functions are what libiocp.map exports and, in the headers, inline functions and macros
# with parameters whose names do not begin with an underscore; a macro that only renames one of
# these (CreateFile) is a name, too.  What the headers declare is read by ctags.  Each function has
# one page, which gives its declaration.
# Prints TAP: tests of the whole, and one for each page.
use strict;
use warnings;

my $top = shift or die "usage: man.pl USERLIB\n";
my @headers = glob("$top/include/{.,iocp,win32}/*.h");
my @pages = glob("$top/man/*.[1-8]");

# What every page of section 3 has to say
my @sections = ('DESCRIPTION', 'RETURN VALUES', 'ERRORS', 'THREADS AND CALLBACKS', 'SEE ALSO',
		'STANDARDS');

# Pages of others that ours refer to; they need not be installed here
my %foreign = map { $_ => 1 } qw(
	cp(1) dd(1) close(2) dup(2) epoll_ctl(2) execve(2) fallocate(2) fcntl(2) fdatasync(2)
	fork(2) fsync(2) getpid(2) gettid(2) ioctl(2) kcmp(2) mkdir(2) mmap(2) open(2) pipe(2)
	poll(2) posix_fadvise(2) preadv2(2) pwritev2(2) read(2) rename(2) rmdir(2) sched_yield(2)
	seccomp(2) unlink(2) write(2) dlclose(3) dlopen(3) dlsym(3) errno(3) longjmp(3)
	pthread_cancel(3) pthread_create(3) pthread_exit(3) strerror(3) proc(5) epoll(7)
	signal-safety(7));

# One form for what is the same to a compiler
sub normal
{
	my ($text) = @_;

	$text =~ s/\b(?:WINAPI|CALLBACK|NTAPI|APIENTRY|extern|static|inline)\b//g;
	$text =~ s/\s+/ /g;
	$text =~ s/ ?([*(),]) ?/$1/g;
	$text =~ s/^ | $//g;
	return $text;
}

# What the headers declare: name => "type(parameters)"; of callback types "type ()(parameters)"
my (%function, %inline, %macro, %type);

sub read_headers
{
	my $format = "%K\t%N\t%t\t%S";
	my @ctags = ('ctags', '--language-force=C', '--kinds-C=dfpt', '--fields=+St', '-o', '-', '-x',
		     "--_xformat=$format");

	open(my $tags, '-|', @ctags, @headers) or die "ctags: $!\n";
	while (<$tags>) {
		chomp;
		my ($kind, $name, $type, $parameters) = split /\t/;

		next if !defined $parameters;
		$type =~ s/^typename://;
		if ($kind eq 'function' || $kind eq 'prototype') {
			$function{$name} = normal("$type $parameters");
			$inline{$name} = 1 if $kind eq 'function';
		} elsif ($kind eq 'macro' && $parameters =~ /^\(/ && $name !~ /^_/) {
			$macro{$name} = normal($parameters);
		} elsif ($kind eq 'typedef') {
			$type{$name} = normal($type);
		}
	}
	close($tags) or die "ctags failed; it is Debian's universal-ctags that is needed\n";

	for my $header (@headers) {
		my %alias = slurp($header) =~ /^\s*#\s*define\s+(\w+)\s+(\w+)[ \t]*$/mg;

		for my $name (keys %alias) {
			$macro{$name} = '' if exists $function{$alias{$name}};
		}
	}
}

sub slurp
{
	my ($path) = @_;

	open(my $in, '<', $path) or die "$path: $!\n";
	local $/;
	return scalar <$in>;
}

sub exported
{
	return slurp("$top/libiocp.map") =~ /^\s+(\w+);/mg;
}

# A page as far as it matters here
sub read_page
{
	my ($path) = @_;
	my %page = (path => $path, names => [], prototypes => [], refs => {}, sections => {},
		    missing => []);
	my ($section, $type, $open) = ('', '', undef);

	($page{name}, $page{number}) = $path =~ m{([^/]+)\.(\d)$};
	open(my $in, '<', $path) or die "$path: $!\n";
	while (<$in>) {
		chomp;
		if (/^\.Sh (.*)/) {
			$section = $1;
			$page{sections}{$section} = 1;
			next;
		}
		$page{refs}{"$1($2)"} = 1 while /\bXr (\S+) (\d)/g;
		push @{$page{names}}, $1 if $section eq 'NAME' && /^\.Nm (\S+)/;
		push @{$page{missing}}, /\bFn (\w+)/g if $section eq 'WHAT IS MISSING';
		next if $page{number} != 3;
		if ($section ne 'SYNOPSIS') {
			$page{mentioned}{$1} = 1 while /\bFn (\w+)/g;
			next;
		}

		if (/^\.Ft (.*)/) {
			$type = $1;
		} elsif (/^\.F([no]) ([^ "]+|"[^"]*")(.*)/) {
			my ($what, $name, $rest) = ($1, $2, $3);

			$open = { type => $type, name => $name, parameters => [] };
			push @{$page{prototypes}}, $open;
			push @{$open->{parameters}}, $1 // $2 while $rest =~ /"([^"]*)"|([^ "]+)/g;
			$open = undef if $what eq 'n';
			$type = '';
		} elsif (/^\.Fa (?:"([^"]*)"|(\S+))$/) {
			push @{$open->{parameters}}, $1 // $2;
		} elsif (/^\.Fc/) {
			$open = undef;
		}
	}
	return \%page;
}

# Compares a declaration in a SYNOPSIS with the headers; returns what is wrong.
sub check_prototype
{
	my ($p, $described) = @_;
	my $parameters = normal('(' . join(', ', @{$p->{parameters}}) . ')');
	my $name = $p->{name};

	if ($p->{type} =~ /^typedef (.*)/) {
		my $result = $1;
		my $pointer = $name =~ s/^\(\*(\w+)\)$/$1/ ? '*' : '';
		my $want = $type{$name} // '';
		my $have = normal("$result ($pointer)$parameters");

		return $have eq $want ? () : "$name: \"$have\", the headers say \"$want\"";
	}
	$described->{$name} = 1;
	if (exists $macro{$name}) {
		return $macro{$name} eq $parameters ? () :
		       "$name: \"$parameters\", the headers say \"$macro{$name}\"";
	}
	return "$name: not in the headers" if !exists $function{$name};

	my $have = normal("$p->{type} $parameters");
	return $have eq $function{$name} ? () :
	       "$name: \"$have\", the headers say \"$function{$name}\"";
}

# Constants that a page names are there, and codes have the number that it gives
sub check_constants
{
	my ($page, $declared) = @_;
	my $text = slurp($page->{path}) =~ s/^\.Dt .*//mr;
	my %seen;
	my @wrong = map { "$_ is in no header" }
		    grep { !$seen{$_}++ && $_ ne 'IOCP_DEBUG' && index($declared, $_) < 0 }
		    $text =~ /\b((?:IOCP|ERROR|STATUS|WAIT|FILE|GENERIC|TP|TRUNCATE|OPEN)_[A-Z0-9_]+)/g;

	while ($text =~ /\b([A-Z0-9_]+)(?: No |\n|[ ])\((\d+)\)/g) {
		my ($name, $value) = ($1, $2);

		push @wrong, "$name is not $value"
			if $declared =~ /^#define\s+$name\s+(\d+)U?\s/m && $1 != $value;
	}
	return @wrong;
}

my ($number, $failed) = (0, 0);

sub result
{
	my ($what, @wrong) = @_;

	$number++;
	$failed += !!@wrong;
	print "# $_\n" for @wrong;
	print @wrong ? 'not ' : '', "ok $number $what\n";
}

sub lint
{
	my ($path) = @_;
	my @said;

	# What it says elsewhere is about the manual pages of this machine
	open(my $out, '-|', "mandoc -T lint '$path' 2>/dev/null") or die "mandoc: $!\n";
	while (<$out>) {
		chomp;
		# depends on what is installed here; we look for ourselves
		push @said, $_ if !/referenced manual not found/;
	}
	close($out);
	die "mandoc cannot be run, or cannot read $path\n" if $? >> 8 > 4;
	return @said;
}

print "TAP version 13\n";
read_headers();
my @pages_read = map { read_page($_) } @pages;
my (%page_of, %known);
for my $page (@pages_read) {
	for my $name (@{$page->{names}}) {
		push @{$page_of{$name}}, $page if $page->{number} == 3;
		$known{"$name($page->{number})"} = 1;
	}
}

my %public = map { $_ => 1 } keys %function, keys %macro;
my %exported = map { $_ => 1 } exported();

result('what is exported is declared, and the other way',
       (map { "$_ is in no header" } grep { !exists $function{$_} } sort keys %exported),
       (map { "$_ is not exported" } grep { !$exported{$_} && !$inline{$_} } sort keys %function));
result('every public function has one page', map {
	my @on = map { $_->{path} } @{$page_of{$_} // []};

	@on == 1 ? () : @on ? "$_ has several pages: @on" : "$_ has no page";
} sort keys %public);

my %indexed = map { %{$_->{refs}} } grep { $_->{number} == 7 } @pages_read;
result('iocp(7) or iocp_porting(7) refers to every page of section 3',
       map { "not to $_->{name}" }
       grep { $_->{number} == 3 && !$indexed{"$_->{name}(3)"} } @pages_read);

my $device = slurp("$top/man/iocp.4");
my $uapi = slurp("$top/../uapi/linux/iocp.h");
result('iocp(4) has every call, operation and module parameter', map { "$_ is missing" }
       grep { $device !~ /\b$_\b/ }
       $uapi =~ /^#define\s+(IOCP_IOC_\w+)\s+_IO/mg, $uapi =~ /^\s+IOCP_OP_(\w+)\s*=/mg,
       slurp("$top/../kmod/main.c") =~ /^module_param_named\((\w+),/mg);

my $declared = join("\n", $uapi, map { slurp($_) } @headers);
for my $page (@pages_read) {
	my @wrong = (lint($page->{path}), check_constants($page, $declared));
	my %described;

	push @wrong, map { "refers to $_, which does not exist" }
		     grep { !$known{$_} && !$foreign{$_} } sort keys %{$page->{refs}};
	push @wrong, map { "$_ is not missing" } grep { $public{$_} } @{$page->{missing}};
	push @wrong, "the first name is $page->{names}[0], the file $page->{name}"
		if $page->{names}[0] ne $page->{name};
	if ($page->{number} == 3) {
		push @wrong, map { "has no section $_" }
			     grep { !$page->{sections}{$_} } @sections;
		push @wrong, map { check_prototype($_, \%described) } @{$page->{prototypes}};
		for my $name (@{$page->{names}}) {
			push @wrong, "$name is no public function" if !$public{$name};
			push @wrong, "$name is not declared in the SYNOPSIS"
				if !$described{$name} && ($macro{$name} // 'f') ne '';
		}
		my %named = map { $_ => 1 } @{$page->{names}};
		push @wrong, map { "speaks of $_(), which is another page's: .Xr" }
			     grep { !$named{$_} } sort keys %{$page->{mentioned}};
		push @wrong, map { "$_ is missing in NAME" }
			     grep { !$named{$_} } sort keys %described;
	}
	result("$page->{name}($page->{number})", @wrong);
}
print "1..$number\n";
exit($failed != 0);
