using System.Text.Json;

namespace FlowCut.Cli.Tests.Infrastructure;

/// <summary>Answers of the sample model as --json gives them.</summary>
internal static class JsonAnswer
{
    /// <summary>Runs generate with --json, which has to succeed.</summary>
    public static JsonElement Of(params IEnumerable<string> arguments)
    {
        var result = FlowcutCommand.Run([.. arguments, "--json"]);
        Assert.True(result.ExitStatus == 0, result.Error);
        using var document = JsonDocument.Parse(result.Output);
        return document.RootElement.Clone();
    }

    public static int[] Ids(JsonElement answer) => [.. answer.GetProperty("ids").EnumerateArray().Select(i => i.GetInt32())];
}
