-- A part of one insert is a file or two instead of some three hundred, one a column: half the work of writing it.
-- Parts become wide, as before, when merges have made them larger than this.
ALTER TABLE spans MODIFY SETTING min_bytes_for_wide_part = 134217728;
