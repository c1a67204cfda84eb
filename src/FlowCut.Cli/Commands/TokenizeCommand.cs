using System.CommandLine;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FlowCut.Models;
using FlowCut.Models.Tokenization;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut tokenize: JSON strings to arrays of ids and back, a line each; needs the tokenizer's files only.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model") { Description = "Folder with the tokenizer's files.", HelpName = "DIR", Required = true };
        var decode = new Option<bool>("--decode") { Description = "Arrays of ids to strings instead." };
        var command = new Command("tokenize", "Tokenize standard input: one JSON string per line to one JSON array of ids.") { model, decode };
        command.SetAction((parsed, cancellation) => Run(parsed.GetValue(model)!, parsed.GetValue(decode), cancellation));
        return command;
    }

    private static async Task<int> Run(string folder, bool decode, CancellationToken cancellation)
    {
        if (!Directory.Exists(folder)) throw new InputException($"the folder {folder} does not exist");
        var tokenizer = Tokenizer.Load(folder);
        using var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false, throwOnInvalidBytes: true));
        await using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        for (var number = 1; await ReadLine(input, number, cancellation) is { } line; number++)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            await output.WriteLineAsync(decode ? Decode(tokenizer, line, number) : Encode(tokenizer, line, number));
        }

        return ExitStatus.Done;
    }

    private static async Task<string?> ReadLine(StreamReader input, int number, CancellationToken cancellation)
    {
        try
        {
            return await input.ReadLineAsync(cancellation);
        }
        catch (DecoderFallbackException e)
        {
            throw new InputException($"standard input, line {number}: not valid UTF-8", e);
        }
    }

    private static string Encode(Tokenizer tokenizer, string line, int number)
    {
        using var document = Parse(line, number);
        if (document.RootElement.ValueKind != JsonValueKind.String)
            throw new InputException($"standard input, line {number}: expected a JSON string, found a JSON {document.RootElement.ValueKind}");
        return $"[{string.Join(", ", tokenizer.Encode(GetString(document.RootElement, number)))}]";
    }

    private static string Decode(Tokenizer tokenizer, string line, int number)
    {
        using var document = Parse(line, number);
        if (document.RootElement.ValueKind != JsonValueKind.Array)
            throw new InputException($"standard input, line {number}: expected a JSON array of ids, found a JSON {document.RootElement.ValueKind}");
        var ids = new List<int>();
        foreach (var item in document.RootElement.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt32(out var id) || id < 0 || id > tokenizer.MaxId)
                throw new InputException($"standard input, line {number}: {item.GetRawText()} is no token id; ids are 0 to {tokenizer.MaxId}");
            ids.Add(id);
        }

        return $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(tokenizer.Decode([.. ids], skipSpecial: false))}\"";
    }

    private static string GetString(JsonElement element, int number)
    {
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"standard input, line {number}: the string holds half a surrogate pair", e);
        }
    }

    private static JsonDocument Parse(string line, int number)
    {
        try
        {
            return JsonDocument.Parse(line);
        }
        catch (JsonException e)
        {
            throw new InputException($"standard input, line {number}: not valid JSON: {e.Message}", e);
        }
    }
}
