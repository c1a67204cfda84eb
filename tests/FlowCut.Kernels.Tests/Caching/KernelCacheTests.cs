using System.Security.Cryptography;
using System.Text;
using FlowCut.Kernels.Caching;

namespace FlowCut.Kernels.Tests.Caching;

public sealed class KernelCacheTests : IDisposable
{
    private const string Extension = ".cubin";
    private const string Key = "0123";
    private static readonly byte[] s_payload = RandomNumberGenerator.GetBytes(10_000);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private KernelCache Filled()
    {
        var cache = new KernelCache(_folder.Path);
        Write(cache, Key, s_payload);
        return cache;
    }

    private static void Write(KernelCache cache, string key, byte[] payload) => cache.Write(key, Extension, payload, "a/b.cu", "sm_90a", "nvrtc 13.0");

    [Fact]
    public void What_is_written_is_read()
    {
        var cache = Filled();
        Assert.Equal(s_payload, cache.Read(Key, Extension));
        Assert.Equal(s_payload, new KernelCache(_folder.Path).Read(Key, Extension));
        Assert.Null(cache.Read("4567", Extension));
        Assert.Null(cache.Problem);
    }

    [Fact]
    public void An_entry_is_two_files_and_leaves_nothing_else()
    {
        Filled();
        Assert.Equal([$"{Key}.cubin", $"{Key}.json"], Directory.GetFiles(_folder.Path).Select(Path.GetFileName).Order());
        Assert.Contains("\"architecture\": \"sm_90a\"", File.ReadAllText(_folder.File($"{Key}.json")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_flipped_bit_is_a_miss()
    {
        var cache = Filled();
        var damaged = (byte[])s_payload.Clone();
        damaged[5000] ^= 1;
        File.WriteAllBytes(_folder.File($"{Key}.cubin"), damaged);
        Assert.Null(cache.Read(Key, Extension));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9_999)]
    public void A_truncated_payload_is_a_miss(int length)
    {
        var cache = Filled();
        File.WriteAllBytes(_folder.File($"{Key}.cubin"), s_payload[..length]);
        Assert.Null(cache.Read(Key, Extension));
    }

    [Fact]
    public void A_note_truncated_anywhere_is_a_miss()
    {
        var cache = Filled();
        var note = File.ReadAllBytes(_folder.File($"{Key}.json"));
        for (var length = 0; length < note.Length; length++)
        {
            File.WriteAllBytes(_folder.File($"{Key}.json"), note[..length]);
            Assert.Null(cache.Read(Key, Extension));
        }
    }

    [Theory]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"schema\":\"one\"}")]
    public void Foreign_json_is_a_miss(string note)
    {
        var cache = Filled();
        File.WriteAllText(_folder.File($"{Key}.json"), note);
        Assert.Null(cache.Read(Key, Extension));
    }

    [Fact]
    public void An_entry_of_another_schema_is_a_miss()
    {
        var cache = Filled();
        var note = File.ReadAllText(_folder.File($"{Key}.json"));
        var other = note.Replace($"\"schema\": {CacheKey.Schema}", "\"schema\": 99", StringComparison.Ordinal);
        Assert.NotEqual(note, other);
        File.WriteAllText(_folder.File($"{Key}.json"), other);
        Assert.Null(cache.Read(Key, Extension));
    }

    [Fact]
    public void Either_file_alone_is_a_miss()
    {
        var cache = Filled();
        File.Delete(_folder.File($"{Key}.json"));
        Assert.Null(cache.Read(Key, Extension));
        Write(cache, Key, s_payload);
        File.Delete(_folder.File($"{Key}.cubin"));
        Assert.Null(cache.Read(Key, Extension));
    }

    [Fact]
    public void A_miss_is_repaired_by_writing_again()
    {
        var cache = Filled();
        File.WriteAllBytes(_folder.File($"{Key}.cubin"), []);
        Write(cache, Key, s_payload);
        Assert.Equal(s_payload, cache.Read(Key, Extension));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_reported_and_nothing_more()
    {
        var file = _folder.File("file");
        File.WriteAllText(file, "");
        var cache = new KernelCache(Path.Combine(file, "below"));
        Assert.Null(cache.Read(Key, Extension));
        Write(cache, Key, s_payload);
        Assert.NotNull(cache.Problem);
        var state = cache.Inspect();
        Assert.False(state.Writable);
        Assert.NotNull(state.Problem);
    }

    [Fact]
    public void A_read_only_folder_serves_what_it_holds()
    {
        if (OperatingSystem.IsWindows() || Environment.UserName == "root")
        {
            Assert.Skip("permissions do not bind this user");
            return;
        }

        var cache = Filled();
        File.SetUnixFileMode(_folder.Path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            Write(cache, "4567", s_payload);
            Assert.NotNull(cache.Problem);
            Assert.Equal(s_payload, cache.Read(Key, Extension));
        }
        finally
        {
            File.SetUnixFileMode(_folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    [Fact]
    public void Without_a_folder_nothing_is_kept()
    {
        var cache = new KernelCache(null);
        Write(cache, Key, s_payload);
        Assert.Null(cache.Read(Key, Extension));
        Assert.False(cache.Inspect().Writable);
    }

    [Fact]
    public void The_oldest_entries_go_when_the_folder_is_full()
    {
        var cache = new KernelCache(_folder.Path, maxBytes: 35_000);
        for (var i = 0; i < 5; i++)
        {
            Write(cache, $"{i}", s_payload);
            foreach (var file in Directory.GetFiles(_folder.Path, $"{i}.*")) File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddDays(i));
        }

        Assert.Equal([false, false, true, true, true], Enumerable.Range(0, 5).Select(i => cache.Read($"{i}", Extension) is not null));
    }

    [Fact]
    public void What_dead_processes_left_goes_after_a_while()
    {
        File.WriteAllText(_folder.File("old.cubin.1.tmp"), "");
        File.SetLastWriteTimeUtc(_folder.File("old.cubin.1.tmp"), DateTime.UnixEpoch);
        File.WriteAllText(_folder.File("new.cubin.1.tmp"), "");
        Filled();
        Assert.False(File.Exists(_folder.File("old.cubin.1.tmp")));
        Assert.True(File.Exists(_folder.File("new.cubin.1.tmp")));
    }

    [Fact]
    public void Threads_that_write_and_read_the_same_entry_see_whole_entries_only()
    {
        // the payload tells by itself whether it is whole
        static byte[] Payload(int version) => Encoding.ASCII.GetBytes(new string((char)('a' + version), 20_000 + version));
        var hits = 0;
        Parallel.For(0, 8, worker =>
        {
            var cache = new KernelCache(_folder.Path);
            for (var i = 0; i < 50; i++)
            {
                if (worker % 2 == 0) Write(cache, Key, Payload((worker + i) % 8));
                if (cache.Read(Key, Extension) is not { } read) continue;
                Assert.Equal(Payload(read[0] - 'a'), read);
                Interlocked.Increment(ref hits);
            }
        });
        Assert.True(hits > 0);
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.tmp"));
    }

    [Fact]
    public void The_folder_is_the_users_own()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("Unix permissions");
            return;
        }

        var below = _folder.File("kernels");
        Write(new KernelCache(below), Key, s_payload);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(below));
    }

    [Theory]
    [InlineData("/chosen", "/xdg", "/home/u", "/chosen")]
    [InlineData(null, "/xdg", "/home/u", "/xdg/flowcut/kernels")]
    [InlineData(null, "relative", "/home/u", "/home/u/.cache/flowcut/kernels")]
    [InlineData("", null, "/home/u", "/home/u/.cache/flowcut/kernels")]
    [InlineData(null, null, null, null)]
    public void The_environment_names_the_folder(string? chosen, string? xdg, string? home, string? expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Unix folders");
        Assert.Equal(expected, CacheFolder.Find(name => name switch
        {
            KernelCache.FolderVariable => chosen,
            "XDG_CACHE_HOME" => xdg,
            "HOME" => home,
            _ => null,
        }));
    }
}
