using System.Runtime.InteropServices;
using System.Text.Json;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Cases;

/// <summary>Runs the flowcut command in a folder and gives its exit status, standard output and standard error.</summary>
public delegate (int ExitStatus, string Output, string Error) CommandRun(string[] arguments, string workingFolder);

/// <summary>A golden answer by the command line that its file names, from the picture file to the trace, compared with the recorded one.</summary>
public static class FamilyAnswer
{
    /// <summary>Every tensor within its tolerance; indices, ids and text identical.</summary>
    /// <param name="folder">Of the case, as in <see cref="FamilyGoldens.Cases"/>.</param>
    /// <param name="path">Where that folder is.</param>
    /// <param name="name">Of the case.</param>
    /// <param name="run">Runs the command.</param>
    /// <param name="more">Arguments behind the case's own.</param>
    /// <returns>What differs, one line each, and how many tensors were compared.</returns>
    public static (IReadOnlyList<string> Differences, int Compared) Compare(string folder, string path, string name, CommandRun run, params string[] more)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(path, name + ".json")));
        using var golden = Checkpoint.Open(Path.Combine(path, name + ".safetensors"));
        var output = Directory.CreateTempSubdirectory("flowcut-case-").FullName;
        try
        {
            var traceFile = Path.Combine(output, "trace.safetensors");
            var arguments = facts.RootElement.GetProperty("cli").EnumerateArray().Select(a => a.GetString()!);
            // paths are relative to the case's folder
            var result = run([.. arguments, "--trace", traceFile, "--json", .. more], path);
            if (result.ExitStatus != 0) return ([$"exit status {result.ExitStatus}: {result.Error.Trim()}"], 0);
            using var answer = JsonDocument.Parse(result.Output);
            using var trace = Checkpoint.Open(traceFile);
            var tensors = trace.Names.ToDictionary(n => n, n => new TensorData(trace.Get(n).Type, trace.Get(n).Shape, trace.Get(n).Bytes.ToArray()));
            var (differences, compared) = TensorDifferences.Find(golden, tensors, n => FamilyGoldens.IsOutsideTrace(n) ? null : n, FamilyGoldens.Tolerance(folder));
            return ([.. differences, .. Words(facts.RootElement, golden, answer.RootElement)], compared);
        }
        finally
        {
            Directory.Delete(output, recursive: true);
        }
    }

    private static IEnumerable<string> Words(JsonElement facts, Checkpoint golden, JsonElement answer)
    {
        var expected = MemoryMarshal.Cast<byte, long>(golden.Get("generated.ids").Bytes).ToArray();
        long[] ids = [.. answer.GetProperty("ids").EnumerateArray().Select(id => id.GetInt64())];
        if (!ids.AsSpan().SequenceEqual(expected)) yield return $"ids: {string.Join(' ', ids)}, expected {string.Join(' ', expected)}";
        // bytes that are no character are shown by another number of marks in slow tokenizers
        if (facts.GetProperty("generated_text").GetString() is { } text && !text.Contains('\uFFFD', StringComparison.Ordinal)
            && answer.GetProperty("text").GetString() is var actual && actual?.Trim() != text.Trim())
            yield return $"text: '{actual}', expected '{text}'";
    }
}
