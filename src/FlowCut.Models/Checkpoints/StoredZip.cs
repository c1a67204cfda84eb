using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace FlowCut.Models.Checkpoints;

/// <summary>Where an entry's bytes lie in the archive's file.</summary>
internal readonly record struct StoredZipEntry(long Offset, long Length);

/// <summary>
/// The directory of a zip archive whose entries are stored uncompressed, as torch.save writes it, zip64 included.
/// By hand because the base library's archive reader hands out streams, not the offsets that a zero-copy view needs.
/// The directory must end where its end record begins, the end record where the file ends, no entry may overlap another,
/// so that every reader of the file sees the same entries. Checksums are not verified: that would read all the data.
/// </summary>
internal sealed class StoredZip
{
    private const uint LocalSignature = 0x04034b50;
    private const uint DirectorySignature = 0x02014b50;
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const int LocalHeaderLength = 30;
    private const int DirectoryHeaderLength = 46;
    private const int EndLength = 22;
    private const int End64Length = 56;
    private const int Locator64Length = 20;
    private const int MaxEntries = 1_000_000;
    private const ushort Zip64ExtraId = 1;
    private const int EncryptedFlags = 0x2041; // encrypted, strongly encrypted, masked directory

    private readonly MappedFile _file;

    private StoredZip(MappedFile file) => _file = file;

    public Dictionary<string, StoredZipEntry> Entries { get; } = new(StringComparer.Ordinal);

    public static bool HasSignature(MappedFile file) =>
        file.Length >= 4 && BinaryPrimitives.ReadUInt32LittleEndian(file.Read(0, 4, "the signature")) == LocalSignature;

    /// <exception cref="ModelFormatException">The archive is damaged, or has entries that are compressed or encrypted.</exception>
    public static StoredZip Read(MappedFile file)
    {
        var zip = new StoredZip(file);
        var (start, length, count) = zip.FindDirectory();
        zip.ReadDirectory(start, length, count);
        return zip;
    }

    private (long Start, long Length, long Count) FindDirectory()
    {
        var position = FindEnd();
        var end = _file.Read(position, EndLength, "the zip end record");
        if (U16(end, 4) != 0 || U16(end, 6) != 0 || U16(end, 8) != U16(end, 10)) throw Damaged("is one part of a split archive");
        long count = U16(end, 10), length = U32(end, 12), start = U32(end, 16);
        if (position >= Locator64Length)
        {
            var locator = _file.Read(position - Locator64Length, Locator64Length, "the zip64 locator");
            if (U32(locator, 0) == Locator64Signature) return FindDirectory64(locator, position - Locator64Length);
        }

        if (count == ushort.MaxValue || length == uint.MaxValue || start == uint.MaxValue)
            throw Damaged("has no zip64 end record, which its end record refers to");
        return Checked(start, length, count, position);
    }

    private (long Start, long Length, long Count) FindDirectory64(ReadOnlySpan<byte> locator, long limit)
    {
        var position = I64(locator, 8, "the zip64 end record's offset");
        var end = _file.Read(position, End64Length, "the zip64 end record");
        if (U32(end, 0) != End64Signature) throw Damaged($"has no zip64 end record at offset {position}");
        if (I64(end, 4, "the zip64 end record's length") != limit - position - 12) throw Damaged($"has a zip64 end record at offset {position} that does not reach to its locator");
        var count = I64(end, 32, "the number of entries");
        if (U32(end, 16) != 0 || U32(end, 20) != 0 || I64(end, 24, "the number of entries") != count) throw Damaged("is one part of a split archive");
        return Checked(I64(end, 48, "the directory's offset"), I64(end, 40, "the directory's length"), count, position);
    }

    private (long Start, long Length, long Count) Checked(long start, long length, long count, long end)
    {
        if (start > end || length != end - start)
            throw Damaged($"has a directory ({length} bytes at offset {start}) that does not end where its end record begins, at {end}");
        if (count > MaxEntries) throw Damaged($"has {count} entries, the limit is {MaxEntries}");
        return (start, length, count);
    }

    /// <summary>The end record is the last thing in the file but for a comment, whose length it gives.</summary>
    private long FindEnd()
    {
        var tailLength = (int)Math.Min(_file.Length, EndLength + ushort.MaxValue);
        var tail = _file.Read(_file.Length - tailLength, tailLength, "the zip end record");
        for (var i = tailLength - EndLength; i >= 0; i--)
        {
            if (U32(tail, i) == EndSignature && i + EndLength + U16(tail, i + 20) == tailLength) return _file.Length - tailLength + i;
        }

        throw Damaged("has no zip directory at its end: is it truncated?");
    }

    private void ReadDirectory(long start, long length, long count)
    {
        var ranges = new List<(long Begin, long End, string Name)>();
        var position = start;
        for (var i = 0L; i < count; i++)
        {
            if (position > start + length - DirectoryHeaderLength) throw Damaged($"has fewer directory entries than the {count} that it says");
            var header = _file.Read(position, DirectoryHeaderLength, "a zip directory entry");
            if (U32(header, 0) != DirectorySignature) throw Damaged($"has no directory entry at offset {position}");
            var nameBytes = _file.Read(position + DirectoryHeaderLength, U16(header, 28), "an entry's name");
            var extra = _file.Read(position + DirectoryHeaderLength + nameBytes.Length, U16(header, 30), "an entry's extra field");
            var name = Utf8.IsValid(nameBytes) ? Encoding.UTF8.GetString(nameBytes) : throw Damaged($"has an entry at offset {position} whose name is not valid UTF-8");
            if ((U16(header, 8) & EncryptedFlags) != 0) throw Damaged($"has the entry {Quoted.Text(name)} encrypted");
            if (U16(header, 10) != 0) throw Damaged($"has the entry {Quoted.Text(name)} compressed; torch.save stores them, save the checkpoint again");

            var (entry, localOffset) = Locate(header, extra, nameBytes, name, start);
            if (!Entries.TryAdd(name, entry)) throw Damaged($"has the entry {Quoted.Text(name)} twice");
            ranges.Add((localOffset, entry.Offset + entry.Length, name));
            position += DirectoryHeaderLength + nameBytes.Length + extra.Length + U16(header, 32);
        }

        if (position != start + length) throw Damaged($"has {start + length - position} bytes at offset {position} in its directory that belong to no entry");
        CheckOverlaps(ranges);
    }

    private (StoredZipEntry Entry, long LocalOffset) Locate(ReadOnlySpan<byte> header, ReadOnlySpan<byte> extra, ReadOnlySpan<byte> nameBytes, string name, long directoryStart)
    {
        long compressed = U32(header, 20), length = U32(header, 24), localOffset = U32(header, 42);
        if (length == uint.MaxValue || compressed == uint.MaxValue || localOffset == uint.MaxValue)
        {
            // the 64-bit values stand in this order, each only if its 32-bit field is saturated
            var wide = FindZip64(extra, name);
            length = Widen(length, ref wide, name);
            compressed = Widen(compressed, ref wide, name);
            localOffset = Widen(localOffset, ref wide, name);
        }

        if (compressed != length) throw Damaged($"has the stored entry {Quoted.Text(name)} with two sizes, {compressed} and {length} bytes");
        if (U16(header, 34) != 0 && U16(header, 34) != ushort.MaxValue) throw Damaged("is one part of a split archive");
        var local = _file.Read(localOffset, LocalHeaderLength, $"the header of entry {Quoted.Text(name)}");
        if (U32(local, 0) != LocalSignature) throw Damaged($"has no entry {Quoted.Text(name)} at offset {localOffset}");
        if ((U16(local, 6) & EncryptedFlags) != 0 || U16(local, 8) != 0) throw Damaged($"has the entry {Quoted.Text(name)} stored in its directory, compressed or encrypted in its header at offset {localOffset}");
        if (!_file.Read(localOffset + LocalHeaderLength, U16(local, 26), $"the name of entry {Quoted.Text(name)}").SequenceEqual(nameBytes))
            throw Damaged($"has another name than {Quoted.Text(name)} at offset {localOffset}");
        var offset = localOffset + LocalHeaderLength + U16(local, 26) + U16(local, 28);
        if (length > directoryStart - offset)
            throw Damaged($"has the entry {Quoted.Text(name)} ({length} bytes at offset {offset}) reach into its directory at {directoryStart}");
        return (new StoredZipEntry(offset, length), localOffset);
    }

    private ReadOnlySpan<byte> FindZip64(ReadOnlySpan<byte> extra, string name)
    {
        while (extra.Length >= 4)
        {
            var length = U16(extra, 2);
            if (length > extra.Length - 4) break;
            if (U16(extra, 0) == Zip64ExtraId) return extra.Slice(4, length);
            extra = extra[(4 + length)..];
        }

        throw Damaged($"has no 64-bit sizes for entry {Quoted.Text(name)}");
    }

    private long Widen(long value, ref ReadOnlySpan<byte> wide, string name)
    {
        if (value != uint.MaxValue) return value;
        if (wide.Length < 8) throw Damaged($"has no 64-bit sizes for entry {Quoted.Text(name)}");
        var result = I64(wide, 0, "a 64-bit size");
        wide = wide[8..];
        return result;
    }

    private void CheckOverlaps(List<(long Begin, long End, string Name)> ranges)
    {
        ranges.Sort(static (a, b) => a.Begin.CompareTo(b.Begin));
        for (var i = 1; i < ranges.Count; i++)
        {
            if (ranges[i].Begin < ranges[i - 1].End)
                throw Damaged($"has the entries {Quoted.Text(ranges[i - 1].Name)} and {Quoted.Text(ranges[i].Name)} overlap at offset {ranges[i].Begin}");
        }
    }

    private long I64(ReadOnlySpan<byte> bytes, int at, string what)
    {
        var value = BinaryPrimitives.ReadInt64LittleEndian(bytes[at..]);
        return value >= 0 ? value : throw Damaged($"has an impossible value for {what}");
    }

    private static int U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private ModelFormatException Damaged(string what) => new(_file.Path, $"the archive {what}");
}
